"""What a classifier looks at: statistics of a facility's trailing window, the same for the stream and for training.

What a window yields depends on the readings inside it alone, to the last bit, whatever else is in the arrays: a model
then meets in the stream the very numbers that it was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from soh.specs.fleets import FleetSpec
from soh.specs.models import FeatureSpec, Statistic

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

_MICROSECOND = timedelta(microseconds=1)


def trailing(
    facilities: Integers, times: Integers, values: Floats, spec: FeatureSpec, rows: Integers | None = None
) -> tuple[Floats, Integers]:
    """Compute the features of every reading, and how many readings its window holds.

    `facilities` (n) and `times` (n, microseconds) say whose and when the readings `values` (n, channels) are, sorted
    by facility, then time; NaN is a missing measurement. A window holds the readings of one facility in
    (t - window, t], all of those at t included. The features are (n, len(spec.names)) in the order of `spec.names`;
    statistics pass over NaN, and are NaN where nothing else is in the window. `rows` asks for those of some readings
    only, by their indices. Raises ValueError for readings that are not sorted.
    """
    start, readings = _windows(facilities, times, spec.window)
    if rows is None:
        rows = np.arange(len(values))
    start, readings = start[rows], readings[rows]
    channels = values.shape[1]
    features = np.empty((len(rows), channels, len(spec.statistics)))
    # Squares of absurd but legal numbers overflow; that concerns the windows alone which hold them.
    with np.errstate(over="ignore", invalid="ignore"):
        summary = _summaries(values, start, readings)
        for place, statistic in enumerate(spec.statistics):
            features[:, :, place] = summary.statistic(statistic)
    return features.reshape(len(rows), channels * len(spec.statistics)), readings


def power_factor(active: Floats, reactive: Floats) -> Floats:
    """P / sqrt(P^2 + Q^2) of active power P and reactive power Q: 0 when P = 0, NaN when either is missing."""
    apparent = np.hypot(active, reactive)
    factor = np.divide(active, apparent, out=np.zeros_like(apparent), where=apparent != 0)
    factor[np.isnan(active) | np.isnan(reactive)] = np.nan
    return factor


def power_factors(columns: Mapping[str, Floats], fleet: FleetSpec) -> dict[str, Floats]:
    """The power factors that `fleet` declares, by name, from the fields of its readings."""
    return {pf.name: power_factor(columns[pf.active], columns[pf.reactive]) for pf in fleet.power_factors}


def unbalance(phases: Floats) -> Floats:
    """Largest deviation of three phases (n, 3) from their mean, by that mean: 0 when it is 0, NaN when one is missing.

    NEMA MG 1-2016, 14.36.
    """
    mean = phases.mean(axis=1)
    deviation = np.abs(phases - mean[:, np.newaxis]).max(axis=1)
    found: Floats = np.divide(deviation, mean, out=np.zeros_like(mean), where=mean != 0)
    return found


def fields_of(fleet: FleetSpec) -> tuple[str, ...]:
    """Measurements of a reading that its channels and its idleness come from, in the order of its schema."""
    return tuple(field.name for field in fleet.table.schema.measurements if field.name in fleet.inputs)


def channel_values(columns: Mapping[str, Floats], fleet: FleetSpec) -> Floats:
    """The channels of the fleet's model (n, channels) from `fields_of` its readings; NaN is a missing measurement."""
    unbalances = {u.name: unbalance(np.column_stack([columns[phase] for phase in u.phases])) for u in fleet.unbalances}
    known = {**columns, **power_factors(columns, fleet), **unbalances}
    return np.column_stack([known[channel] for channel in fleet.model.features.channels])


def _windows(facilities: Integers, times: Integers, window: timedelta) -> tuple[Integers, Integers]:
    """First row and length of the window of every reading."""
    width = window // _MICROSECOND
    same = facilities[1:] == facilities[:-1]
    gaps = np.diff(times)
    if (gaps[same] < 0).any():
        raise ValueError("readings must be sorted by facility, then time")
    # A gap of a whole window parts readings for good, so longer ones and other facilities can count as one:
    # that puts all facilities on one axis, on which a window is found by bisection.
    axis = np.zeros(len(times), np.int64)
    np.cumsum(np.where(same, np.minimum(gaps, width), width), out=axis[1:])
    start = np.searchsorted(axis, axis - width, side="right")
    end = np.searchsorted(axis, axis, side="right")
    return start, end - start


@dataclass(frozen=True, slots=True, kw_only=True)
class _Summary:
    """Sets of readings, one a row: per channel their number, mean, sum of squared deviations, and extremes."""

    count: Floats
    """(n, channels), or (n, 1) where no measurement is missing."""
    mean: Floats
    squares: Floats
    low: Floats
    high: Floats

    @classmethod
    def of_single(cls, values: Floats) -> _Summary:
        missing = np.isnan(values)
        if not missing.any():
            zeros = np.zeros_like(values)
            return cls(count=np.ones((len(values), 1)), mean=values, squares=zeros, low=values, high=values)
        return cls(
            count=(~missing).astype(np.float64),
            mean=np.where(missing, 0.0, values),
            squares=np.zeros_like(values),
            low=np.where(missing, np.inf, values),
            high=np.where(missing, -np.inf, values),
        )

    def rows(self, chosen: Integers | slice) -> _Summary:
        return _Summary(
            count=self.count[chosen],
            mean=self.mean[chosen],
            squares=self.squares[chosen],
            low=self.low[chosen],
            high=self.high[chosen],
        )

    def put(self, chosen: Integers, other: _Summary) -> None:
        self.count[chosen] = other.count
        self.mean[chosen] = other.mean
        self.squares[chosen] = other.squares
        self.low[chosen] = other.low
        self.high[chosen] = other.high

    def joined(self, other: _Summary) -> _Summary:
        """Row by row the union with `other` (Chan, Golub and LeVeque 1979): no cancellation, 0 for equal readings."""
        count = self.count + other.count
        weight = other.count / np.maximum(count, 1)
        step = other.mean - self.mean
        squares = step * step
        squares *= self.count * weight
        squares += self.squares
        squares += other.squares
        step *= weight
        step += self.mean
        return _Summary(
            count=count,
            mean=step,
            squares=squares,
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
        )

    def statistic(self, statistic: Statistic) -> Floats:
        match statistic:
            case Statistic.MEAN:
                found = self.mean
            case Statistic.STD:
                found = np.sqrt(self.squares / np.maximum(self.count, 1))
            case Statistic.MIN:
                found = self.low
            case Statistic.MAX:
                found = self.high
        return np.where(self.count > 0, found, np.nan)


def _summaries(values: Floats, start: Integers, length: Integers) -> _Summary:
    """Summarise the windows `values[start : start + length]`, one for each start.

    Sets of 1, 2, 4, ... neighbours are joined from two halves, and a window from the sets that its length is made of
    in binary: the work grows with the logarithm of the longest window, and a facility that floods us costs little.
    """
    sets = _Summary.of_single(values)
    shape = (len(start), values.shape[1])
    total = _Summary(
        count=np.zeros((len(start), sets.count.shape[1])),
        mean=np.zeros(shape),
        squares=np.zeros(shape),
        low=np.full(shape, np.inf),
        high=np.full(shape, -np.inf),
    )
    first = start.copy()
    size, longest = 1, int(length.max(initial=0))
    while size <= longest:
        if size > 1:
            half = size // 2
            sets = sets.rows(slice(None, -half)).joined(sets.rows(slice(half, None)))
        rows = np.flatnonzero(length & size)
        total.put(rows, total.rows(rows).joined(sets.rows(first[rows])))
        first[rows] += size
        size *= 2
    return total
