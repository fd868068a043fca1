import numpy as np
import pytest

from soh.fleet import noise
from soh.fleet.conditions import CONDITIONS, STATES, Condition, Hidden, hidden, pace

FACILITIES = np.arange(100, 174)
KEY = noise.keys(1, FACILITIES)
START = 1_800_000_000.0


def course(hours_to_degrade: float, hours: float, steps: int) -> list[Hidden]:
    return [
        hidden(KEY, FACILITIES, np.full(74, START + at), hours_to_degrade=hours_to_degrade)
        for at in np.linspace(0, hours * 3600, steps)
    ]


def test_every_condition_and_every_state_occurs_and_most_of_the_fleet_is_well():
    seen = course(6.0, 14 * 24, 400)
    found = np.bincount(np.concatenate([truth.found for truth in seen]), minlength=len(CONDITIONS))
    states = np.bincount(np.concatenate([truth.state for truth in seen]), minlength=len(STATES))
    assert (found / found.sum() > 0.03).all()
    assert states[0] / states.sum() > 0.5
    assert (states / states.sum() > 0.05).all()


@pytest.mark.parametrize("among", [FACILITIES % 4 == 3, FACILITIES % 4 != 3], ids=["held-out", "trained-on"])
def test_any_three_hours_of_the_fleet_hold_all_states_inspections_of_the_last_20_minutes_still_to_come(among):
    every, known = 0.25, 11
    states = np.array([truth.state[among] for truth in course(6.0, 30 * 24, int(30 * 24 / every) + 1)])
    for state in range(len(STATES)):
        seen = (states == state).any(axis=1)
        assert np.convolve(seen, np.ones(known), mode="valid").min() > 0


def test_severity_only_grows_until_a_repair_sets_it_back_to_nothing():
    severity = np.array([truth.severity for truth in course(6.0, 72, 2000)])
    steps = np.diff(severity, axis=0)
    falls = steps < -1e-9
    assert falls.any(axis=0).mean() > 0.8
    assert (severity[1:][falls] == 0).all()
    assert severity.min() == 0
    assert 1 < severity.max() < 1.3


def test_a_repair_comes_before_severity_falls_and_only_where_something_is_wrong():
    seen = course(6.0, 72, 5000)
    severity = np.array([truth.severity for truth in seen])
    in_repair = np.array([truth.in_repair for truth in seen])
    fallen = np.diff(severity, axis=0) < -1e-9
    assert in_repair[:-1][fallen].all()
    assert (severity[in_repair] > 0.4).all()


@pytest.mark.parametrize("hours_to_degrade", [0.05, 1.0, 24.0])
def test_the_time_from_first_sign_to_worst_follows_the_setting(hours_to_degrade):
    seen = course(hours_to_degrade, 4 * hours_to_degrade, 4000)
    grows = np.diff([truth.severity for truth in seen], axis=0) > 0
    spent = grows.sum(axis=0) / 4000 * 4
    assert 0.6 < np.median(spent[spent > 0]) < 2.5


@pytest.mark.parametrize(
    ("severity", "condition", "state"),
    [
        pytest.param(0.0, "healthy", "normal", id="as-new"),
        pytest.param(0.1, "healthy", "normal", id="too-small-to-be-found"),
        pytest.param(0.2, "loose_contact", "normal", id="found-but-harmless"),
        pytest.param(0.35, "loose_contact", "caution", id="caution-begins"),
        pytest.param(0.69, "loose_contact", "caution", id="caution-ends"),
        pytest.param(0.7, "loose_contact", "warning", id="warning-begins"),
    ],
)
def test_state_and_finding_follow_from_severity(severity, condition, state):
    truth = Hidden(
        condition=np.array([CONDITIONS.index(Condition.LOOSE_CONTACT)]),
        severity=np.array([severity]),
        phase=np.array([0]),
        in_repair=np.array([False]),
    )
    assert (CONDITIONS[truth.found[0]], STATES[truth.state[0]]) == (condition, state)


def test_only_a_fast_fleet_is_paced():
    assert pace(0.1) == pytest.approx(0.025)
    assert pace(100.0) == 1.0
