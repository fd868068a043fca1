"""What a bench may call a latency, and when it must not print one."""

import numpy as np
import pytest
from bench.parts.readings import Origin, Point, Reading, faults, latencies


def reading(offset: int, **changes) -> Reading:
    return Reading(**{"origin": Origin(0, offset), "event_time": 99.0, "sent_at": 100.0, "pf": 0.8} | changes)


def point(offset: int, **changes) -> Point:
    return Point(**{"origin": Origin(0, offset), "pf": 0.8, "pred": "normal"} | changes)


def test_a_latency_runs_from_the_sending_to_the_first_sight_in_milliseconds():
    readings = [reading(offset, sent_at=100.0 + offset) for offset in range(101)]
    spent = np.random.default_rng(1).permutation(101)
    seen = {one.origin: one.sent_at + spent[one.origin.offset] / 1000 for one in readings}
    assert latencies(readings, seen) == pytest.approx({"p50_ms": 50, "p99_ms": 99}, abs=1e-6)


def test_what_was_not_seen_or_not_sent_in_the_window_has_no_latency():
    seen = {Origin(0, 1): 101.0, Origin(1, 1): 500.0}
    assert latencies([reading(1), reading(2)], seen) == pytest.approx({"p50_ms": 1000, "p99_ms": 1000})
    assert latencies([reading(2)], seen) == {}


@pytest.mark.parametrize(
    ("points", "complaint"),
    [
        pytest.param([point(1), point(2)], None, id="all-there"),
        pytest.param([point(1), point(2), point(9)], None, id="another-window's-point"),
        pytest.param([point(1), point(2, pf=0.8 + 1e-9)], None, id="rounded"),
        pytest.param([point(1)], "1 of 2 readings are missing, such as [(0, 2)]", id="one-lost"),
        pytest.param([point(1), point(2), point(2)], "1 of 2 readings are there more than once", id="one-twice"),
        pytest.param([point(1), point(2, pf=0.81)], "1 of 2 readings have another power factor", id="wrong-value"),
        pytest.param([point(1), point(2, pf=None)], "1 of 2 readings have another power factor", id="no-value"),
        pytest.param([point(1), point(2, pred=None)], "1 of 2 readings have no grade", id="no-grade"),
        pytest.param([point(1), point(2, pred="fine")], "1 of 2 readings have no grade", id="no-state-of-ours"),
    ],
)
def test_faults(points, complaint):
    found = faults("side", [reading(1), reading(2)], points)
    assert [fault.startswith(f"side: {complaint}") for fault in found] == ([True] if complaint else [])


def test_a_window_in_which_nothing_was_sent_proves_nothing():
    assert faults("side", [], []) == ["side: no reading was sent in the window"]
