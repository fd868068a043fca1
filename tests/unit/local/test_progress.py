"""What a run of tests tells and keeps, seen on a small suite that pytest really runs."""

import os
import re
import subprocess
import sys

import pytest

from soh.local.outcomes import Outcomes
from soh.settings import PROJECT

TESTS = """
import os, time
import pytest

@pytest.fixture(scope="session")
def servers():
    time.sleep(0.5)
    yield
    time.sleep(0.2)

def test_quick(servers):
    print("captured")

@pytest.mark.parametrize("way", ["a b", "c"])
def test_red(way):
    assert os.environ.get("MENDED"), "not mended"

def test_killed():
    if os.environ.get("KILLED"):
        os._exit(9)
"""


@pytest.fixture
def suite(tmp_path):
    """Run pytest on the small suite as `./soh test` does; its output, and what is kept afterwards."""
    (tmp_path / "conftest.py").write_text(
        "from tests import progress\nfrom tests.conftest import *\nprogress.WORTH_A_LINE = 0.2\n"
    )
    (tmp_path / "test_small.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nconsole_output_style = classic\nverbosity_test_cases = -1\n")
    kept = tmp_path / "small.outcomes"

    def run(*options, state="now", **environment):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", tmp_path, "--outcomes", kept, "--tree", state, *options],
            cwd=PROJECT,
            env={
                **os.environ,
                "PYTHONPATH": str(PROJECT / "include"),
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout, Outcomes(kept)

    return run


def ran(output):
    """Tests and what they share, each with its mark, in the order of their lines."""
    return re.findall(r"^  ([✓✗·]) .*?(?:::(\S+ ?\S*)|servers)$", output, re.M)


def test_every_test_has_a_line_and_what_they_share_has_one_too(suite):
    output, _ = suite()
    assert ran(output) == [
        ("·", ""),
        ("✓", "test_quick"),
        ("✗", "test_red[a b]"),
        ("✗", "test_red[c]"),
        ("✓", "test_killed"),
    ]
    assert output.index("AssertionError: not mended") < output.index("test_killed")
    assert re.search(r"^=+ 2 failed, 2 passed in [\d.]+s =+$", output.splitlines()[-1])
    assert "FAILED" in output
    assert "captured" not in output


def test_the_seconds_of_last_time_are_what_is_expected(suite):
    _, kept = suite()
    # Their end counts too, and the test that asked for them first does not pay for them.
    assert kept.measured["servers"] >= 0.7
    assert kept.measured["test_small.py::test_quick"] < 0.45
    output, _ = suite(state="later")
    assert re.search(rf"· +[\d.]+ s  expected {kept.measured['servers']:.1f} s +servers$", output, re.M)
    assert "expected: 0.0 min" in output


def test_what_was_killed_goes_on_with_what_has_not_passed(suite):
    _, kept = suite(KILLED="yes")
    assert not kept.whole
    output, kept = suite("--not-passed", MENDED="yes")
    assert [name for _, name in ran(output)] == ["test_red[a b]", "test_red[c]", "test_killed"]
    assert kept.whole


def test_a_few_tests_of_another_state_leave_what_is_known(suite, tmp_path):
    _, before = suite(MENDED="yes")
    assert before.whole
    (tmp_path / "test_new.py").write_text("def test_new(): pass\n")
    _, after = suite("-k", "quick", state="later")
    assert (after.tree, after.whole) == ("now", True)
    _, after = suite("-k", "red", state="now")
    assert not after.whole


def test_a_module_that_cannot_be_read_keeps_the_suite_from_being_whole(suite, tmp_path):
    (tmp_path / "test_broken.py").write_text("import nothing_of_that_name\n")
    assert not suite("--continue-on-collection-errors", MENDED="yes")[1].whole


def test_of_many_tests_a_file_has_a_line(suite, tmp_path):
    (tmp_path / "test_many.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', range(300))\ndef test_one(n): assert n != 7\n"
    )
    output, kept = suite(MENDED="yes")
    assert re.findall(r"^  ([✓✗]) .* (\S+)$", output, re.M) == [("✗", "test_many.py"), ("✓", "test_small.py")]
    assert "test_one[7]: assert 7 != 7" in output
    assert len(kept.passed) == 299 + 4 + 1
