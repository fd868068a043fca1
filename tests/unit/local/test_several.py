"""Several runs of one command-line tool in one process: each gets its arguments, and the first failure ends them."""

import sys

import pytest

from soh.local import several


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """A module `tool` that notes its arguments and ends with the exit code that the last of them names."""
    noted = tmp_path / "noted"
    (tmp_path / "tool.py").write_text(
        "import sys\n"
        f"open({str(noted)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        "if __name__ == '__main__' and sys.argv[-1].isdigit():\n"
        "    sys.exit(int(sys.argv[-1]))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "argv", ["several"])
    return noted


def test_every_run_gets_its_own_arguments(tool):
    several.main(["tool", '["db", "migrate"]', '["pools", "set", "a pool", "0"]', '["done"]'])
    assert tool.read_text().splitlines() == ["db migrate", "pools set a pool 0", "done"]


def test_the_first_run_that_fails_is_the_last_and_its_code_is_ours(tool):
    with pytest.raises(SystemExit) as ended:
        several.main(["tool", '["first"]', '["second", "3"]', '["third"]'])
    assert ended.value.code == 3
    assert tool.read_text().splitlines() == ["first", "second 3"]
