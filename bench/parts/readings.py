"""Readings that were sent, points that can be read back, and how the two compare; no input or output here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from soh.specs.models import State

_EXAMPLES = 3
_TOLERANCE = 1e-6
"""Of a power factor: JSON keeps all digits of a double, so this is generous."""


class Origin(NamedTuple):
    """Where a reading lies on its topic."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One record of the readings' topic."""

    origin: Origin
    event_time: float
    """Epoch seconds, as is sent_at."""
    sent_at: float
    """Kafka's timestamp, which is when the producer took it."""
    pf: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of the time-series database."""

    origin: Origin
    pf: float | None
    pred: str | None


def latencies(readings: Iterable[Reading], seen: Mapping[Origin, float]) -> dict[str, float]:
    """Median and 99th percentile, in ms, from a reading's sending until it was seen; empty when none was."""
    spent = [1000 * (seen[reading.origin] - reading.sent_at) for reading in readings if reading.origin in seen]
    if not spent:
        return {}
    p50, p99 = np.percentile(spent, [50, 99])
    return {"p50_ms": float(p50), "p99_ms": float(p99)}


def faults(side: str, readings: Sequence[Reading], points: Iterable[Point]) -> list[str]:
    """What is wrong with the points of `readings`; each must be there once, with the right power factor and a grade."""
    points = list(points)
    by_origin = {point.origin: point for point in points}
    times = Counter(point.origin for point in points)
    wanted = {reading.origin: reading for reading in readings}
    there = [(reading, by_origin[origin]) for origin, reading in wanted.items() if origin in by_origin]
    wrong = {
        "are missing": [origin for origin in wanted if origin not in by_origin],
        "are there more than once": [origin for origin in wanted if times[origin] > 1],
        "have another power factor than their source": [
            reading.origin for reading, point in there if not _same(reading.pf, point.pf)
        ],
        "have no grade": [reading.origin for reading, point in there if point.pred not in set(State)],
    }
    found = [
        f"{side}: {len(some)} of {len(wanted)} readings {what}, such as {[tuple(one) for one in some[:_EXAMPLES]]}"
        for what, some in wrong.items()
        if some
    ]
    return found if wanted else [f"{side}: no reading was sent in the window"]


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, abs_tol=_TOLERANCE)
