"""The copy that end-to-end tests run on: its steps are seen as they come, and it may be left running."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.end_to_end import running_copy, scratch
from tests.end_to_end.scratch import Platform

from soh.local.home import Home


def test_steps_are_told_as_they_come_and_are_in_the_output(tmp_path, monkeypatch):
    script = tmp_path / "soh"
    script.write_text(
        f"#!/bin/sh\necho '✓ one ' >&2\nuntil [ -e {tmp_path}/told ]; do sleep 0.05; done\necho two >&2\necho out\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(scratch, "PROJECT", tmp_path)
    told = []

    def tell(line):
        told.append(line)
        (tmp_path / "told").touch()

    copy = Platform(home=Home(path=tmp_path, port_base=23000), data=None)
    copy.begin_up(tell)
    copy.wait_for_step("one", 20)
    assert copy.wait_for_up(20) == 0
    assert told == ["✓ one", "two", "out"]
    assert copy.output == "✓ one \ntwo\nout\n"


def test_a_step_that_does_not_come_before_the_end_is_told_with_all_that_was_said(tmp_path, monkeypatch):
    script = tmp_path / "soh"
    script.write_text("#!/bin/sh\necho '✗ Checks'\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(scratch, "PROJECT", tmp_path)
    copy = Platform(home=Home(path=tmp_path, port_base=23000), data=None)
    copy.begin_up(lambda _: None)
    with pytest.raises(AssertionError, match=r"/soh up ended with 1:\n✗ Checks"):
        copy.wait_for_step("Storage", 20)


class Copy:
    home = SimpleNamespace(path=Path("/nowhere/copy"))
    output = "all of it"

    def __init__(self, comes_up=True):
        self.comes_up = comes_up
        self.ended = False

    def begin_up(self, tell):
        tell("✓ Storage")

    def wait_for_step(self, step, seconds):
        assert self.comes_up, self.output


@pytest.fixture
def run(monkeypatch):
    """Start a copy and be done with it; the lines that were told meanwhile."""

    def run(copy, *, keep):
        told, cleanups = [], []
        config = SimpleNamespace(option=SimpleNamespace(keep=keep), add_cleanup=cleanups.append)
        monkeypatch.setattr(running_copy.Platform, "in_scratch", lambda data: copy)
        monkeypatch.setattr(running_copy, "uncaptured", lambda _: told.append)
        monkeypatch.setattr(running_copy, "end", lambda ending: setattr(ending, "ended", True))
        for found in running_copy.running(config):
            assert found is copy
        for cleanup in cleanups:
            cleanup()
        return told

    return run


def test_a_copy_is_ended_after_the_tests(run, capsys):
    copy = Copy()
    assert run(copy, keep=False) == ["✓ Storage"]
    assert copy.ended
    assert capsys.readouterr().out == ""


def test_a_copy_that_is_kept_is_not_ended_and_where_it_is_and_how_to_stop_it_is_told(run, capsys):
    copy = Copy()
    run(copy, keep=True)
    assert not copy.ended
    assert "SOH_HOME=/nowhere/copy ./soh down --purge" in capsys.readouterr().out


def test_a_copy_that_does_not_come_up_is_ended_and_says_what_it_said(run):
    copy = Copy(comes_up=False)
    with pytest.raises(AssertionError, match="all of it"):
        run(copy, keep=False)
    assert copy.ended
