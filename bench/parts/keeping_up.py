"""Whether a platform keeps up with a number of sensors; no input or output here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from soh.streams.verdict import Sample

MOST_GROWTH = 0.01
"""Records by which a lag may grow, of those that are sent meanwhile."""
SLOWEST = timedelta(seconds=5)
"""From the sensor to the database, 99 of 100 readings."""
LEAST_SENT = 0.97
"""Share of the readings without which there were not so many sensors."""
_CERTAIN = 2.0
"""Standard errors below a slope beyond which chance does not reach."""


class Lag(NamedTuple):
    """How many records a reader had not read at one moment, epoch seconds."""

    at: float
    records: float


class Slope(NamedTuple):
    """How fast a lag grows, and the standard error of that; records a second."""

    per_s: float
    error: float

    @property
    def at_least(self) -> float:
        """What it is for certain: below this the ups and downs of batches cannot be told from growth."""
        return self.per_s - _CERTAIN * self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was seen with one number of sensors."""

    sensors: int
    input_per_s: float
    """Readings of the fleet that were sent."""
    wanted_per_s: float
    """Readings that so many sensors should send."""
    p50_ms: float
    """From the sensor to the database, of the readings that were looked for; infinite when none was found."""
    p99_ms: float
    looked_for: int
    missing: int
    """Readings that were looked for and had not come some time after the end."""
    slopes: Mapping[str, Slope | None]
    """Of the lag of every stream and consumer group, by name; None for one that could not be looked at."""

    @property
    def growth(self) -> float:
        """The largest slope as a share of the input; 0 where no lag grows."""
        known = (slope.per_s for slope in self.slopes.values() if slope is not None)
        return max((0.0, *known)) / max(self.input_per_s, 1e-9)


def reasons(step: Step) -> list[str]:
    """Why a step was not held, a sentence each; none when it was."""
    found = [
        f"the lag of {name} grows by {slope.per_s:,.1f} of {step.input_per_s:,.1f} records a second"
        for name, slope in sorted(step.slopes.items())
        if slope is not None and slope.at_least > MOST_GROWTH * step.input_per_s
    ]
    found += [f"the lag of {name} is not known" for name, slope in sorted(step.slopes.items()) if slope is None]
    if step.input_per_s < LEAST_SENT * step.wanted_per_s:
        found.append(f"only {step.input_per_s:,.1f} of {step.wanted_per_s:,.1f} readings a second were sent")
    if not step.looked_for:
        return [*found, "no reading was sent"]
    if step.missing:
        found.append(f"{step.missing} of {step.looked_for} readings did not come")
    if step.p99_ms > SLOWEST / timedelta(milliseconds=1):
        found.append(f"p99 from the sensor to the database is {step.p99_ms / 1000:,.1f} s")
    return found


def most_held(steps: Sequence[Step]) -> int:
    """Sensors of the largest step up to which every one was held; 0 when the first was not."""
    most = 0
    for step in sorted(steps, key=lambda one: one.sensors):
        if reasons(step):
            break
        most = step.sensors
    return most


def slope_of(lags: Sequence[Lag]) -> Slope | None:
    """Least squares; two moments have no error, and fewer no slope."""
    if len({lag.at for lag in lags}) < 2:
        return None
    at, records = np.array([lag.at for lag in lags]), np.array([lag.records for lag in lags])
    at = at - at.mean()
    spread = float((at * at).sum())
    per_s = float((at * records).sum()) / spread
    left = records - records.mean() - per_s * at
    free = len(lags) - 2
    return Slope(per_s, math.sqrt(float((left * left).sum()) / free / spread) if free else 0.0)


def lags_of(samples: Sequence[Sample]) -> list[Lag]:
    """The lag of a reader by which its growth is judged: that at the moment of each commit.

    Between two commits every lag grows, and with some seconds between them that saw would hide what matters. A stream
    says when it committed; a consumer group has done so where its position differs from that of the look before.
    Where fewer than two commits were seen, every look counts.
    """
    looks = [Lag(sample.at.timestamp(), _total(sample.ends) - _read(sample)) for sample in samples]
    at_commits = _at_moments(samples) or _at_moves(samples, looks)
    return at_commits if len(at_commits) >= 2 else looks


def _at_moments(samples: Sequence[Sample]) -> list[Lag]:
    """The lag at the moment that each commit says of itself; none of a reader whose commits say nothing."""
    commits = {
        sample.committed_batch: (sample.committed_at.timestamp(), _read(sample))
        for sample in samples
        if sample.committed_batch is not None and sample.committed_at is not None
    }
    times = [sample.at.timestamp() for sample in samples]
    ends = [float(_total(sample.ends)) for sample in samples]
    return [
        Lag(at, float(np.interp(at, times, ends)) - read)
        for at, read in commits.values()
        # What was sent before the first look is not known.
        if times[0] <= at <= times[-1]
    ]


def _at_moves(samples: Sequence[Sample], looks: Sequence[Lag]) -> list[Lag]:
    return [
        look
        for (before, after), look in zip(pairwise(samples), looks[1:], strict=True)
        if _read(after) != _read(before)
    ]


def spread_over(facilities: Sequence[int], most: int) -> list[int]:
    """At most `most` of the facilities, evenly spread over them."""
    count = min(most, len(facilities))
    return [facilities[number * len(facilities) // count] for number in range(count)]


def _total(offsets: Mapping[int, int]) -> int:
    return sum(offsets.values())


def _read(sample: Sample) -> int:
    """Sum of the offsets up to which all is read; a partition without a commit is read from its beginning."""
    committed = sample.committed or {}
    return sum(committed.get(place, begin) for place, begin in sample.beginnings.items())
