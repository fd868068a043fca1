"""The last hours of one facility."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from soh.orchestration.views.kept import Answer
from soh.orchestration.views.overview import asked, number, time
from soh.serving.tsdb import HistoryPoint
from soh.specs import FleetSpec

_INTERVALS = 360
"""About one for two pixels of a chart."""


class Span(StrEnum):
    """How far back somebody wants to look."""

    HOUR = "1h"
    QUARTER = "6h"
    DAY = "24h"

    @property
    def length(self) -> timedelta:
        return timedelta(hours=int(self.value.removesuffix("h")))

    @property
    def interval(self) -> timedelta:
        """What one point of the chart stands for."""
        return self.length / _INTERVALS


def history_part(
    fleet: FleetSpec, facility: int, span: Span, answer: Answer[Sequence[HistoryPoint]], now: datetime
) -> dict[str, Any]:
    """One facility over a span that ends now: a point an interval, none where it sent nothing."""
    return {
        "fleet": fleet.name,
        "facility": facility,
        "from": time(now - span.length),
        "to": time(now),
        "interval_ms": span.interval // timedelta(milliseconds=1),
        "points": [
            {
                "at": time(point.at),
                "state": point.state,
                "pf": number(point.pf),
                "probability": number(point.probability),
                "temperature": number(point.temperature),
            }
            for point in answer.value or ()
        ],
        **asked(answer),
    }
