from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from soh.orchestration.views.history import Span, history_part
from soh.orchestration.views.kept import Answer
from soh.serving.tsdb import HistoryPoint
from soh.specs import FLEETS, State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "seconds"), [(Span.HOUR, 10), (Span.QUARTER, 60), (Span.DAY, 240)], ids=["1h", "6h", "24h"]
)
def test_a_longer_span_has_longer_intervals_and_as_many_points(span, seconds):
    assert span.interval == timedelta(seconds=seconds)


def test_a_history_tells_its_span_and_knows_no_nan():
    point = HistoryPoint(at=NOW, state=State.WARNING, probability=0.9, pf=float("nan"), temperature=None)
    part = history_part(FLEETS["heat"], 100, Span.QUARTER, Answer(value=[point], at=NOW), NOW)
    assert (part["fleet"], part["facility"], part["trouble"], part["interval_ms"]) == ("heat", 100, "", 60_000)
    assert (part["from"], part["to"]) == ("2026-03-01T06:00:00.000+00:00", "2026-03-01T12:00:00.000+00:00")
    assert part["points"] == [
        {"at": part["to"], "state": "warning", "pf": None, "probability": 0.9, "temperature": None}
    ]


def test_without_an_answer_there_are_no_points_and_the_reason():
    part = history_part(FLEETS["heat"], 100, Span.HOUR, Answer(trouble="it is down"), NOW)
    assert (part["points"], part["trouble"]) == ([], "it is down")
