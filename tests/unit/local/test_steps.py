"""Progress for a person: one line a step, with what it did and its seconds."""

import io
import re
import time

import pytest

from soh.local.steps import Steps


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_step_leaves_one_line_with_its_name_its_finding_and_its_seconds():
    out = io.StringIO()
    with Steps(out).step("Storage") as say:
        say("looking")
        say("all there")
    assert re.fullmatch(r"  ✓ Storage +\d+\.\d s  all there\n", out.getvalue())


def test_a_step_that_fails_says_so_and_lets_the_error_through():
    out = io.StringIO()
    with pytest.raises(KeyError), Steps(out).step("Storage"):
        raise KeyError
    assert out.getvalue().startswith("  ✗ Storage")


def test_a_finding_does_not_slip_into_the_next_step():
    out = io.StringIO()
    steps = Steps(out)
    with steps.step("one") as say:
        say("found")
    with steps.step("two"):
        pass
    assert "found" not in out.getvalue().splitlines()[1]


def test_on_a_terminal_the_seconds_of_the_running_step_are_counted():
    out = Terminal()
    with Steps(out).step("Long") as say:
        say("at it")
        time.sleep(0.5)
    assert "\r\033[K  … Long" in out.getvalue()
    assert out.getvalue().count("\n") == 1


def test_the_whole_is_timed():
    steps = Steps(io.StringIO())
    time.sleep(0.01)
    assert steps.seconds > 0
