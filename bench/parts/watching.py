"""The two ends of the way: the topic on which readings are sent, and the database in which they can be read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from confluent_kafka import OFFSET_END, TopicPartition
from influxdb import InfluxDBClient

from bench.parts.readings import Origin, Point, Reading, power_factor
from soh.fleet.wire import decode, schema_of
from soh.kafka.connection import consumer_in
from soh.serving import influx
from soh.specs import FleetSpec
from soh.specs.tsdb import MEASUREMENT

LOOK_EVERY = 0.05
"""Seconds between two looks into a database."""
_FORGET_AFTER = 60.0
"""Seconds after which nobody looks for a reading any more that does not come; the count at the end misses it."""


class Tap:
    """Sees every reading that is sent to a fleet's topic from its opening on."""

    def __init__(self, bootstrap: str, fleet: FleetSpec) -> None:
        self._fleet = fleet
        self._schema = schema_of(fleet.readings)
        self._consumer = consumer_in(bootstrap, "soh_bench")
        self._consumer.assign(
            [TopicPartition(fleet.readings.name, number, OFFSET_END) for number in range(fleet.readings.partitions)]
        )

    def close(self) -> None:
        self._consumer.close()

    def drain(self) -> list[Reading]:
        """The readings that came since the last call."""
        readings = []
        factor = self._fleet.power_factors[0]
        for message in self._consumer.consume(1000, timeout=0):
            record = None if message.error() else decode(self._schema, message.key(), message.value())
            if record is not None:
                readings.append(
                    Reading(
                        origin=Origin(message.partition(), message.offset()),
                        event_time=float(record["event_time"]),
                        sent_at=message.timestamp()[1] / 1000,
                        pf=power_factor(record[factor.active], record[factor.reactive]),
                    )
                )
        return readings


@dataclass(kw_only=True)
class Side:
    """One database that is looked into, and when which reading was first found there."""

    name: str
    url: str
    client: InfluxDBClient
    fleet: FleetSpec
    values_seen: dict[Origin, float] = field(default_factory=dict)
    """Epoch seconds at which the answer was there that held the reading's power factor."""
    grades_seen: dict[Origin, float] = field(default_factory=dict)
    gaps: list[float] = field(default_factory=list)
    """Seconds from the beginning of one look to the answer of the next: by no more is a sighting too late."""
    _pending: dict[Origin, Reading] = field(default_factory=dict)
    _asked_at: float = 0.0

    def expect(self, readings: Iterable[Reading]) -> None:
        self._pending.update((reading.origin, reading) for reading in readings)

    def look(self) -> None:
        """Ask for everything since the oldest reading that was not found yet."""
        now = time.time()
        self._pending = {
            origin: reading
            for origin, reading in self._pending.items()
            if origin not in self.grades_seen and reading.sent_at > now - _FORGET_AFTER
        }
        since = min((reading.event_time for reading in self._pending.values()), default=now)
        found = self.points(since)
        answered = time.time()
        if self._asked_at:
            self.gaps.append(answered - self._asked_at)
        self._asked_at = now
        for point in found:
            if point.pf is not None:
                self.values_seen.setdefault(point.origin, answered)
            if point.pred is not None:
                self.grades_seen.setdefault(point.origin, answered)

    def points(self, since: float, until: float | None = None) -> list[Point]:
        """The points whose reading was made from `since` up to `until`, epoch seconds."""
        span = [f"time >= {int(since * 1e6)}u", *([f"time <= {int(until * 1e6)}u"] if until else [])]
        query = (
            f"SELECT pf, pred, source_partition, source_offset FROM {MEASUREMENT} "
            f"WHERE fleet = '{self.fleet.name}' AND {' AND '.join(span)}"
        )
        with influx.asking(self.url, "read its points"):
            rows = self.client.query(query, epoch="u").get_points()
        return [
            Point(
                origin=Origin(row["source_partition"], row["source_offset"]),
                pf=row["pf"],
                pred=row["pred"],
            )
            for row in rows
        ]


def watch(tap: Tap, sides: Sequence[Side], length: timedelta, grace: timedelta) -> list[Reading]:
    """Look into all sides for `length`, and on for `grace` after it; the readings that were sent in `length`."""
    tap.drain()
    begin = time.time()
    end = begin + length.total_seconds()
    sent: list[Reading] = []
    while (now := time.time()) < end + grace.total_seconds():
        readings = tap.drain()
        sent += [reading for reading in readings if begin <= reading.sent_at < end]
        for side in sides:
            side.expect(readings)
            side.look()
        time.sleep(max(0.0, now + LOOK_EVERY - time.time()))
    return sent
