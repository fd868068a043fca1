"""Look whether a fleet's day is closed: the checkpoints of its writers against the broker's clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Protocol

from soh.hdfs import Hdfs
from soh.settings import Endpoints
from soh.specs import STREAMS, FleetSpec, StreamSpec
from soh.streams import checkpoint
from soh.streams.day import DayState, day_state, deadline


class Broker(Protocol):
    """What is asked of Kafka here."""

    def ends(self, topic: str) -> dict[int, int]: ...
    def beginnings(self, topic: str) -> dict[int, int]: ...
    def at_time(self, topic: str, moment: datetime) -> dict[int, int | None]: ...


def writers(fleet: FleetSpec, streams: Mapping[str, StreamSpec] = STREAMS) -> list[StreamSpec]:
    """The streams that append the fleet's readings to its table."""
    return [stream for stream in streams.values() if stream.writes == fleet.table]


def look_at_day(fleet: FleetSpec, day: date, hdfs: Hdfs, broker: Broker, now: datetime) -> DayState:
    """Whether the lake has every reading of the fleet's local day; the reason names the stream that blocks it.

    Raises ServerUnreachable, CheckpointUnreadable.
    """
    reasons = []
    for stream in writers(fleet):
        state = _look(fleet, day, stream, hdfs, broker, now)
        if not state.closed:
            return DayState(closed=False, blocking=state.blocking, reason=f"{stream.name}: {state.reason}")
        reasons.append(f"{stream.name}: {state.reason}")
    return DayState(closed=True, blocking=(), reason="; ".join(reasons) or f"no stream writes {fleet.table.name}")


def _look(fleet: FleetSpec, day: date, stream: StreamSpec, hdfs: Hdfs, broker: Broker, now: datetime) -> DayState:
    topic, time_zone = stream.reads.name, fleet.table.time_zone
    # Ends after boundaries: a record that comes in between can then only delay the answer.
    beginnings = broker.beginnings(topic)
    boundaries = broker.at_time(topic, deadline(day, time_zone, fleet.lateness))
    ends = broker.ends(topic)
    return day_state(
        day=day,
        time_zone=time_zone,
        lateness=fleet.lateness,
        committed=checkpoint.read(hdfs, Endpoints.checkpoint(stream.name)).positions.get(topic, {}),
        beginnings=beginnings,
        boundaries=boundaries,
        ends=ends,
        now=now,
    )
