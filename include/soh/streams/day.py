"""When is a local day complete? Told by offsets; the decision, no input or output here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class DayState:
    """Whether every record of a day is committed."""

    closed: bool
    blocking: tuple[tuple[int, int], ...]
    """Partitions that are not there yet, each with the number of its records that are still to come."""
    reason: str


def end_of_day(day: date, time_zone: str) -> datetime:
    """The first moment after a local day, in UTC; days are 23 to 25 hours long where clocks change."""
    midnight = datetime.combine(day + timedelta(days=1), time.min, tzinfo=ZoneInfo(time_zone))
    return midnight.astimezone(UTC)


def local_day(moment: datetime, time_zone: str) -> date:
    """The local day in which a moment lies."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def deadline(day: date, time_zone: str, lateness: timedelta) -> datetime:
    """Until when a record may be sent to count for a day, in UTC: where its `boundaries` are to be looked up."""
    return end_of_day(day, time_zone) + lateness


def day_state(
    *,
    day: date,
    time_zone: str,
    lateness: timedelta,
    committed: Mapping[int, int],
    beginnings: Mapping[int, int],
    boundaries: Mapping[int, int | None],
    ends: Mapping[int, int],
    now: datetime,
) -> DayState:
    """Decide whether a reader has committed everything sent until `lateness` after the end of a local day.

    Offsets are by partition: `boundaries` the first record at or after the deadline, None where there
    is none yet; `ends` must have been read after `boundaries`, and `now` before both, so that a record
    that comes in between can only delay the answer. A partition that was never committed is taken
    from its beginning.
    """
    name = f"{day} ({time_zone})"
    until = deadline(day, time_zone, lateness)
    if now < until:
        return DayState(
            closed=False,
            blocking=(),
            reason=f"{name} is open: records count for it until {until:%Y-%m-%d %H:%M:%S} UTC",
        )
    partitions = boundaries.keys() | ends.keys() | committed.keys()
    if not partitions:
        return DayState(closed=False, blocking=(), reason=f"{name} is open: its topic is not on the broker")

    blocking = []
    for partition in sorted(partitions):
        boundary = boundaries.get(partition)
        target = ends.get(partition, 0) if boundary is None else boundary
        position = committed.get(partition, beginnings.get(partition, 0))
        if position < target:
            blocking.append((partition, target - position))
    if not blocking:
        return DayState(
            closed=True, blocking=(), reason=f"{name} is closed: all {len(partitions)} partitions are committed past it"
        )
    behind = ", ".join(f"partition {partition} by {missing} records" for partition, missing in blocking)
    return DayState(closed=False, blocking=tuple(blocking), reason=f"{name} is open: its reader is behind on {behind}")
