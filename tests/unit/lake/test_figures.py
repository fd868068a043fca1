import pytest

from soh.lake.figures import Steps


def test_seconds_are_kept_by_step_and_a_step_twice_adds_up():
    steps = Steps()
    with steps.step("plan"):
        pass
    for _ in range(2):
        with steps.step("prove"):
            pass
    assert list(steps.seconds) == ["plan", "prove"]
    assert all(seconds >= 0 for seconds in steps.seconds.values())


def test_a_step_that_fails_has_no_seconds():
    steps = Steps()
    with pytest.raises(ValueError, match="no"), steps.step("plan"):
        raise ValueError("no")
    assert steps.seconds == {}
