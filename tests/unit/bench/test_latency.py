"""The bench of latency: a side that is wrong has no figure."""

from datetime import timedelta

import pytest
from bench import latency
from bench.parts.readings import Origin, Point, Reading
from bench.parts.watching import Side

from soh.specs.fleets import HEAT

SENT = [Reading(origin=Origin(0, n), event_time=float(n), sent_at=float(n), pf=0.9) for n in range(10)]
POINTS = [Point(origin=one.origin, pf=one.pf, pred="normal") for one in SENT]


class Kept(Side):
    """A side whose database holds `kept`."""

    kept: list[Point] = POINTS

    def points(self, since, until=None):
        return self.kept


def side(name: str, seconds: float, kept: list[Point] = POINTS) -> Side:
    made = Kept(name=name, url="", client=None, fleet=HEAT, gaps=[0.05, 0.06])
    made.kept = kept
    made.values_seen = made.grades_seen = {one.origin: one.sent_at + seconds for one in SENT}
    return made


def outcome(*sides: Side):
    return latency._outcome(timedelta(seconds=5), *((one, SENT) for one in sides))


def test_every_side_has_its_figures():
    figures = outcome(side("alone", 0.5), side("beside", 0.7), side("first design", 6.0)).figures
    assert {name: figures[name] for name in figures if name.endswith("p50_ms") and not name.startswith("polling")} == {
        "reading_p50_ms": pytest.approx(500),
        "soh_p50_ms": pytest.approx(500),
        "reading_beside_p50_ms": pytest.approx(700),
        "soh_beside_p50_ms": pytest.approx(700),
        "baseline_p50_ms": pytest.approx(6000),
    }
    assert figures["polling_p99_ms"] == pytest.approx(60, abs=1)
    assert (figures["readings"], figures["readings_per_s"]) == (20, 2)


def test_a_side_that_lost_a_reading_has_no_figure_and_the_run_is_not_correct():
    found = outcome(side("alone", 0.5), side("beside", 0.7, POINTS[1:]), side("first design", 6.0))
    assert not found.correct
    assert found.faults == ["beside: 1 of 10 readings are missing, such as [(0, 0)]"]
    assert not [name for name in found.figures if "beside" in name]
    assert {"reading_p50_ms", "baseline_p99_ms"} <= set(found.figures)
