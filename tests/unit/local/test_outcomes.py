"""What is kept of a suite between two runs."""

import pytest

from soh.local.outcomes import Outcomes


@pytest.fixture
def file(tmp_path):
    return tmp_path / "kept" / "unit.outcomes"


@pytest.fixture
def outcomes(file):
    made = Outcomes(file)
    made.begin("now")
    made.add("a.py::test_one", 1.5, passed=True)
    made.add("a.py::test_two[x y]", 0.25, passed=False)
    return made


def test_before_the_first_run_nothing_is_known(file):
    made = Outcomes(file)
    assert (made.tree, made.whole, made.passed, made.seconds) == ("", False, set(), {})


def test_what_was_kept_is_read_again_also_when_the_run_was_killed(outcomes, file):
    read = Outcomes(file)
    assert (read.tree, read.passed, read.whole) == ("now", {"a.py::test_one"}, False)
    assert read.measured == read.seconds == {"a.py::test_one": 1.5, "a.py::test_two[x y]": 0.25}


def test_the_last_word_on_a_test_counts(outcomes, file):
    outcomes.add("a.py::test_one", 1, passed=False)
    outcomes.add("a.py::test_two[x y]", 2, passed=True)
    assert Outcomes(file).passed == outcomes.passed == {"a.py::test_two[x y]"}


def test_another_run_on_the_same_state_goes_on(outcomes, file):
    again = Outcomes(file)
    again.begin("now")
    assert again.passed == {"a.py::test_one"}


def test_of_another_state_only_the_seconds_are_kept(outcomes, file):
    outcomes.end(whole=True)
    outcomes.begin("later")
    for known in (outcomes, Outcomes(file)):
        assert (known.tree, known.whole, known.passed, known.measured) == ("later", False, set(), {})
        assert known.seconds == {"a.py::test_one": 1.5, "a.py::test_two[x y]": 0.25}


def test_a_suite_is_whole_until_something_runs_again(outcomes, file):
    outcomes.end(whole=True)
    assert Outcomes(file).whole
    Outcomes(file).add("a.py::test_one", 1, passed=False)
    assert not Outcomes(file).whole
    outcomes.end(whole=False)
    assert not Outcomes(file).whole
