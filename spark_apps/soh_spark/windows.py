"""The trailing windows of a running stream: which readings are kept, and what a new one is graded by.

Plain arrays in and out; `soh_spark.stateful` puts them into Spark's state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from soh.classifier.features import trailing
from soh.specs.models import FeatureSpec

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

SILENT_AFTER = timedelta(minutes=10)
"""Of a facility that is silent for so long the newest reading alone is kept, which tells late ones. Whatever it sends
then is graded from windows that fill anew, as at its beginning: what it holds is carried from batch to batch, and those
that are away must not make those wait that are there."""
FORGET_AFTER = timedelta(hours=24)
"""A facility that is silent for so long leaves the state; the topics keep its readings no longer either."""

_MICROSECOND = timedelta(microseconds=1)
_INTEGER_COLUMNS = 3
_COUNT_SIZE = 8
_CODEC = pa.Codec("lz4_raw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Readings of one or more facilities, a row each, in the order in which they came."""

    facilities: Integers
    times: Integers
    """Event times in microseconds since 1970."""
    sent: Integers
    """When they were sent, by their Kafka timestamps, in microseconds since 1970."""
    values: Floats
    """(n, channels); NaN is a missing measurement."""

    FORMAT: ClassVar[str] = "columns-lz4"
    """Names how `to_bytes` writes; another way must have another name."""

    def __len__(self) -> int:
        return len(self.facilities)

    @property
    def clocks(self) -> Integers:
        """How far they put the time of their facility: a clock that runs ahead counts as the time of sending.

        One event time in the future would otherwise make every reading late until the clock has caught up.
        """
        return np.minimum(self.times, self.sent)

    def rows(self, chosen: Integers | Flags) -> Readings:
        return Readings(
            facilities=self.facilities[chosen],
            times=self.times[chosen],
            sent=self.sent[chosen],
            values=self.values[chosen],
        )

    def followed_by(self, other: Readings) -> Readings:
        return Readings(
            facilities=np.concatenate((self.facilities, other.facilities)),
            times=np.concatenate((self.times, other.times)),
            sent=np.concatenate((self.sent, other.sent)),
            values=np.concatenate((self.values, other.values)),
        )

    def to_bytes(self) -> bytes:
        """Column after column, facilities and times as steps, compressed: two fifths of what they are in memory.

        Every batch carries all of them from Spark to Python and back, 20 MB with 10,000 facilities.
        """
        integers = (np.diff(self.facilities, prepend=0), np.diff(self.times, prepend=0), self.sent - self.times)
        content = b"".join(column.tobytes() for column in (*integers, *self.values.T))
        return len(self).to_bytes(_COUNT_SIZE) + _CODEC.compress(content, asbytes=True)

    @classmethod
    def from_bytes(cls, content: bytes, channels: int) -> Readings:
        """What `to_bytes` gave for readings of so many `channels`."""
        columns, count = _INTEGER_COLUMNS + channels, int.from_bytes(content[:_COUNT_SIZE])
        size = columns * count * np.dtype(np.int64).itemsize
        table = np.frombuffer(_CODEC.decompress(content[_COUNT_SIZE:], size) if count else b"", np.int64)
        table = table.reshape(columns, count)
        times = np.cumsum(table[1])
        return cls(
            facilities=np.cumsum(table[0]),
            times=times,
            sent=times + table[2],
            values=np.ascontiguousarray(table[_INTEGER_COLUMNS:].view(np.float64).T),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """What new readings are graded by, in their order."""

    features: Floats
    """(n, names of the FeatureSpec)."""
    readings: Integers
    """How many readings each window holds."""
    late: Flags
    """True for a reading that came so late that its window may have been forgotten."""


def advance(kept: Readings, new: Readings, spec: FeatureSpec) -> tuple[Readings, Windows]:
    """Add `new` readings (at least one) to those that are `kept`: what is kept from now on, and their windows.

    A reading is late when, at its coming, its facility's newest is more than `spec.lateness` ahead of it. Kept is what
    the window of a reading that is not late can still ask for.
    """
    everything = kept.followed_by(new)
    order = np.lexsort((everything.times, everything.facilities))
    by_time = everything.rows(order)
    is_new = order >= len(kept)
    begins = _beginnings(by_time.facilities)
    lengths = np.diff(begins, append=len(by_time))

    window = spec.window // _MICROSECOND
    latest = np.iinfo(np.int64).max
    earliest_new = np.minimum.reduceat(np.where(is_new, by_time.times, latest), begins)
    needed = by_time.times > np.repeat(earliest_new, lengths) - window
    asked = np.flatnonzero(is_new[needed])
    looked_at = by_time.rows(needed)
    features, readings = trailing(looked_at.facilities, looked_at.times, looked_at.values, spec, asked)

    # Back from the order of times to the order of coming.
    place = np.empty(len(new), np.int64)
    place[order[is_new] - len(kept)] = np.arange(len(new))
    windows = Windows(features=features[place], readings=readings[place], late=_late(everything, len(kept), spec))

    oldest = np.maximum.reduceat(by_time.clocks, begins) - (spec.window + spec.lateness) // _MICROSECOND
    return by_time.rows(by_time.times > np.repeat(oldest, lengths)), windows


def without_silent(kept: Readings, newest_sent: Mapping[int, int]) -> Readings:
    """What is left of `kept`, as `advance` gives it, when facilities that are silent have lost what they lose.

    `newest_sent`: when the newest reading was sent that a partition of the topic has given, in microseconds since 1970,
    of each that gave any in this batch. Silence ends where the hindmost is: of a backlog one partition may be read
    further than another, whose facilities are not silent for that.
    """
    if not len(kept):
        return kept
    begins = _beginnings(kept.facilities)
    silence = min(newest_sent.values()) - np.maximum.reduceat(kept.sent, begins)
    silent = silence > SILENT_AFTER // _MICROSECOND
    if not silent.any():
        return kept
    range_of_times = np.iinfo(np.int64)
    newest = np.maximum.reduceat(kept.clocks, begins)
    oldest = np.where(silent, newest, range_of_times.min)
    oldest[silence > FORGET_AFTER // _MICROSECOND] = range_of_times.max
    return kept.rows(kept.times >= np.repeat(oldest, np.diff(begins, append=len(kept))))


def _beginnings(facilities: Integers) -> Integers:
    """First row of each facility."""
    return np.flatnonzero(np.concatenate(([True], facilities[1:] != facilities[:-1])))


def _late(everything: Readings, kept: int, spec: FeatureSpec) -> Flags:
    """Which readings after the first `kept` were late when they came."""
    by_coming = np.argsort(everything.facilities, kind="stable")
    facilities, clocks = everything.facilities[by_coming], everything.clocks[by_coming]
    # A running maximum for each facility: ranks instead of times, and those of the next facility above all of this.
    times, ranks = np.unique(clocks, return_inverse=True)
    floor = np.cumsum(np.concatenate(([0], facilities[1:] != facilities[:-1]))) * len(times)
    newest = times[np.maximum.accumulate(ranks + floor) - floor]
    late = np.empty(len(everything), np.bool_)
    late[by_coming] = everything.times[by_coming] < newest - spec.lateness // _MICROSECOND
    return late[kept:]
