"""What folding a landing into its table decides: what to read, how far it got, what may go. No input or output here."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from soh.errors import BadInput
from soh.specs.landing import LandedObject

Positions = Mapping[int, int]
"""By partition the offset of the next record to consume."""

CONSUMED = "soh.consumed"
"""Key in the summary of a fold's snapshot: the positions after it."""
CONSUMED_FROM = "soh.consumed-from"
"""Key in the same summary: the positions before it."""
TAKES_OUT = "soh.takes-out"
"""Key in the summary of a snapshot that removed what a fold had appended wrongly; its value is the fold's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done with the objects of a landing."""

    read: tuple[LandedObject, ...]
    """They hold records that are not consumed yet."""
    delete: tuple[LandedObject, ...]
    """All of theirs are consumed."""
    start: Positions
    """Where reading begins: the consumed positions, and for a partition without one its first landed record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Records of a partition that are in no object although later ones are."""

    partition: int
    first: int
    last: int

    @property
    def records(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"partition {self.partition}: {self.records:,} records from offset {self.first} to {self.last}"


def settled(earlier: Collection[LandedObject], later: Collection[LandedObject]) -> list[LandedObject]:
    """Objects that have every object before them beside them, told from two listings of which one ended first.

    A partition's objects arrive in the order of their offsets. But a listing takes its time: it may hold an object
    and lack the one before it, which arrived behind its back. The later listing has whatever was there when the
    earlier one ended; what only the later one knows waits for the next fold.
    """
    reach: dict[int, int] = {}
    for landed in earlier:
        reach[landed.partition] = max(reach.get(landed.partition, -1), landed.last)
    known = {landed for landed in (*earlier, *later) if landed.first <= reach.get(landed.partition, -1)}
    return sorted(known, key=lambda landed: (landed.partition, landed.first, landed.last, landed.hour))


def plan(objects: Collection[LandedObject], consumed: Positions) -> Plan:
    """Sort `objects` by what the consumed positions say of them."""
    read = [landed for landed in objects if landed.last >= consumed.get(landed.partition, 0)]
    start = dict(consumed)
    for landed in read:
        if landed.partition not in consumed:
            start[landed.partition] = min(start.get(landed.partition, landed.first), landed.first)
    gone = tuple(landed for landed in objects if landed.last < consumed.get(landed.partition, 0))
    return Plan(read=tuple(read), delete=gone, start=start)


def to_text(positions: Positions) -> str:
    """Positions as a snapshot's summary holds them."""
    return json.dumps({str(partition): offset for partition, offset in sorted(positions.items())})


def from_text(text: str) -> dict[int, int]:
    """Positions from a snapshot's summary; BadInput when `text` is no such thing."""
    try:
        found = {int(partition): offset for partition, offset in json.loads(text).items()}
    except (AttributeError, ValueError):
        found = {0: -1}
    if not all(type(offset) is int and offset >= 0 for offset in found.values()):
        raise BadInput(f"{text!r} in the summary of a snapshot is not {{partition: next offset}}")
    return found


def moved_between(previous: Positions, start: Positions) -> list[str]:
    """One sentence for each partition where a fold did not begin where the one before it had ended."""
    return [
        f"partition {partition} was consumed up to {offset} by the fold before, and read from {start.get(partition)}"
        for partition, offset in sorted(previous.items())
        if start.get(partition) != offset
    ]


def missing(start: Positions, end: Positions, records: Mapping[int, int]) -> int:
    """How many offsets between `start` and `end` had no record; `records` counts those that were found."""
    return sum(offset - start[partition] - records.get(partition, 0) for partition, offset in end.items())
