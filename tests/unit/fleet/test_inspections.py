import numpy as np
import pytest

from soh.fleet import noise
from soh.fleet.conditions import CONDITIONS, Condition, Hidden
from soh.fleet.heat import HeatFleet
from soh.fleet.inspections import Inspector

KEY = noise.keys(1, np.array([100]))
WHICH = np.array([0])


def truth(severity: float) -> Hidden:
    return Hidden(
        condition=np.array([CONDITIONS.index(Condition.WINDING_HEAT)]),
        severity=np.array([severity]),
        phase=np.array([0]),
        in_repair=np.array([False]),
    )


def stretches(severities: dict[float, float], *, close: bool = False) -> list[tuple[float, float, str, str]]:
    """What is reported of a facility whose severity at each moment is given."""
    inspector = Inspector(KEY, [100], period=5.0)
    for at, severity in severities.items():
        inspector.observe(WHICH, np.array([at]), truth(severity))
    if close:
        inspector.close()
    found = inspector.due(1e9)
    return [(one["from_time"], one["to_time"], one["condition"], one["state"]) for one in found]


@pytest.mark.parametrize(
    ("severities", "close", "expected"),
    [
        pytest.param({1000.0 + 5 * n: 0.0 for n in range(60)}, False, [], id="a-stretch-goes-on"),
        pytest.param(
            {1000.0: 0.5, 1005.0: 0.5, 1010.0: 0.8, 1015.0: 0.0},
            False,
            [(1000, 1010, "winding_heat", "caution"), (1010, 1015, "winding_heat", "warning")],
            id="the-state-changes",
        ),
        pytest.param(
            {1000.0: 0.0, 1005.0: 0.2, 1010.0: 0.2},
            False,
            [(1000, 1005, "healthy", "normal")],
            id="the-finding-changes-under-one-state",
        ),
        pytest.param(
            {1000.0 + 5 * n: 0.0 for n in range(241)},
            False,
            [(1000, 1600, "healthy", "normal"), (1600, 2200, "healthy", "normal")],
            id="ten-minutes-are-the-longest",
        ),
        pytest.param(
            {1000.0: 0.0, 1005.0: 0.0, 1300.0: 0.0},
            False,
            [(1000, 1010, "healthy", "normal")],
            id="a-pause-is-not-covered",
        ),
        pytest.param({1000.0: 0.0}, True, [(1000, 1005, "healthy", "normal")], id="closed-by-hand"),
    ],
)
def test_stretches(severities, close, expected):
    assert stretches(severities, close=close) == expected


def test_a_report_comes_two_to_ten_minutes_late_and_once():
    facilities = np.arange(100, 400)
    inspector = Inspector(noise.keys(1, facilities), facilities.tolist(), period=5.0)
    well = Hidden(
        condition=np.zeros(300, dtype=np.int64),
        severity=np.zeros(300),
        phase=np.zeros(300, dtype=np.int64),
        in_repair=np.zeros(300, dtype=bool),
    )
    inspector.observe(np.arange(300), np.full(300, 1000.0), well)
    inspector.close()
    late = {one["facility_id"]: at - 1005 for at in range(1005, 1700) for one in inspector.due(float(at))}
    assert len(late) == 300
    assert 120 <= min(late.values()) < 150
    assert 570 < max(late.values()) <= 601
    assert inspector.due(1e9) == []


def test_over_a_simulated_morning_every_reading_is_covered_by_one_late_inspection_that_tells_the_truth():
    fleet = HeatFleet(range(100, 130), seed=3, hours_to_degrade=0.5, period=30.0)
    start = 1_800_000_000.0
    fleet.resume(now=start, readings={}, inspections={}, same_settings=False)
    which = np.arange(30)
    states: dict[tuple[int, float], int] = {}
    reports = []
    for step in range(360):
        at = start + 30 * step
        fleet.readings(which, np.full(30, step), np.full(30, at))
        states |= {
            (100 + index, at): int(state) for index, state in enumerate(fleet.truth(which, np.full(30, at)).state)
        }
        published = fleet.inspections(at)
        assert all(at - float(one["to_time"]) >= 14.9 for one in published)
        assert all(one["event_time"] == at for one in published)
        reports += published
    names = ["normal", "caution", "warning"]
    covered = [
        (one["facility_id"], at)
        for one in reports
        for at in np.arange(one["from_time"], one["to_time"], 30.0).tolist()
        if names[states[one["facility_id"], at]] == one["state"]
    ]
    assert len(covered) == len(set(covered)) == sum(one["to_time"] - one["from_time"] for one in reports) / 30
    assert {(facility, at) for facility, at in states if at < start + 30 * 360 - 240} <= set(covered)
    assert {one["state"] for one in reports} == set(names)
    assert all(one["to_time"] - one["from_time"] <= 90 for one in reports)
