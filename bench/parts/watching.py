"""The two ends of the way: the topic on which readings are sent, and the database in which they can be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from confluent_kafka import OFFSET_END, TopicPartition
from influxdb import InfluxDBClient

from bench.parts.plain import power_factor
from bench.parts.readings import Origin, Point, Reading
from soh.fleet.wire import decode, schema_of
from soh.kafka.connection import consumer_in
from soh.local.configs import TSDB_READER
from soh.local.home import Home
from soh.serving import influx
from soh.specs import FleetSpec
from soh.specs.fleets import HEAT
from soh.specs.tsdb import MEASUREMENT

ANSWER_WITHIN = timedelta(seconds=10)
LOOK_EVERY = 0.05
"""Seconds between two looks into a database."""
_AT_ONCE = 5000
_LARGE_FETCH = 1024 * 1024
"""Bytes; more than comes while readings wait for each other."""
_FORGET_AFTER = 60.0
"""Seconds after which nobody looks for a reading any more that does not come; the count at the end misses it."""


class Tap:
    """Sees every reading that is sent to a fleet's topic from its opening on."""

    def __init__(
        self, bootstrap: str, fleet: FleetSpec, facilities: Collection[int] = (), patience: float = 0.0
    ) -> None:
        """`facilities`: those whose readings are wanted, all if none.

        With `patience`, in seconds, readings wait so long at the broker to come in one fetch.
        """
        self._fleet = fleet
        self._keys = frozenset(b"%d" % facility for facility in facilities)
        self._schema = schema_of(fleet.readings)
        together = {"fetch.wait.max.ms": int(patience * 1000), "fetch.min.bytes": _LARGE_FETCH} if patience else {}
        self._consumer = consumer_in(bootstrap, "soh_bench", together)
        self._consumer.assign(
            [TopicPartition(fleet.readings.name, number, OFFSET_END) for number in range(fleet.readings.partitions)]
        )

    def close(self) -> None:
        self._consumer.close()

    def drain(self) -> list[Reading]:
        """The readings that came since the last call."""
        readings = []
        factor = self._fleet.power_factors[0]
        for message in self._consumer.consume(_AT_ONCE, timeout=0):
            if message.error() or (self._keys and message.key() not in self._keys):
                continue
            record = decode(self._schema, message.key(), message.value())
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
    facilities: Sequence[int] = ()
    """Those whose points are looked for, all if none."""
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
        if self.facilities:
            wanted = [f"sensor_id = '{facility}'" for facility in self.facilities]
            span.append(f"({' OR '.join(wanted)})")
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


def tsdb_side(home: Home, name: str, database: str, facilities: Sequence[int] = ()) -> Side:
    """A database of the copy in `home`; only the points of `facilities` are looked for, all if none."""
    client = influx.client(
        home.endpoints.tsdb,
        database=database,
        user=TSDB_READER,
        password=home.secrets["tsdb_reader"],
        answer_within=ANSWER_WITHIN,
    )
    return Side(name=name, url=home.endpoints.tsdb, client=client, fleet=HEAT, facilities=facilities)


def watch(
    tap: Tap,
    sides: Sequence[Side],
    length: timedelta,
    grace: timedelta,
    at_end: Callable[[], None] = lambda: None,
    every: float = LOOK_EVERY,
) -> list[Reading]:
    """Look into all sides for `length`, and on for `grace` after it; the readings that were sent in `length`.

    `at_end` is called once `length` is over. Looks lie `every` seconds apart: by so much a latency may be too long.
    """
    tap.drain()
    begin = time.time()
    end = begin + length.total_seconds()
    sent: list[Reading] = []
    over = False
    while (now := time.time()) < end + grace.total_seconds():
        if now >= end and not over:
            over = True
            at_end()
        readings = tap.drain()
        sent += [reading for reading in readings if begin <= reading.sent_at < end]
        for side in sides:
            side.expect(readings)
            side.look()
        time.sleep(max(0.0, now + every - time.time()))
    return sent
