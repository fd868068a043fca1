"""The last record of every facility, read from the end of a topic backwards."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from soh.errors import ServerUnreachable
from soh.fleet.source import Record
from soh.fleet.wire import decode, schema_of
from soh.specs.schemas import RecordSchema
from soh.specs.topics import TopicSpec

_ANSWER_WITHIN = 10.0
_STALLED_AFTER = 30.0


class TailScan:
    """Decides which offsets to read next, and keeps the newest record of each facility.

    All partitions are read backwards in step, so that a facility whose key moved when the topic grew
    is found where it went. What is not ours is passed over, however much of it lies at the end.
    """

    def __init__(
        self, schema: RecordSchema, facilities: Collection[int], bounds: Mapping[int, tuple[int, int]]
    ) -> None:
        """bounds: per partition its beginning and its end, the offset of the record to come."""
        self._schema = schema
        self._missing = set(facilities)
        self._facilities = frozenset(facilities)
        self._low = {partition: low for partition, (low, _) in bounds.items()}
        self._read_from = {partition: high for partition, (_, high) in bounds.items()}
        self._chunk = max(1000, 2 * len(facilities) // max(1, len(bounds)))
        self.last: dict[int, Record] = {}
        """By facility id, `seq` included."""

    def next_ranges(self) -> dict[int, tuple[int, int]]:
        """Offsets [from, to) to read of each partition; empty when there is nothing more to learn."""
        if not self._missing:
            return {}
        ranges: dict[int, tuple[int, int]] = {}
        for partition, high in self._read_from.items():
            low = max(self._low[partition], high - self._chunk)
            if low < high:
                ranges[partition] = (low, high)
                self._read_from[partition] = low
        self._chunk *= 2
        return ranges

    def add(self, key: bytes | None, value: bytes | None) -> None:
        """Take in one record of the ranges, in any order."""
        record = decode(self._schema, key, value)
        if record is None or (facility := int(record["facility_id"])) not in self._facilities:
            return
        self._missing.discard(facility)
        known = self.last.get(facility)
        if known is None or int(record["seq"]) > int(known["seq"]):
            self.last[facility] = record


class Broker:
    """Asks Kafka what is there; every method blocks for some seconds at most, or raises ServerUnreachable."""

    def __init__(self, bootstrap: str, client: str) -> None:
        self._bootstrap = bootstrap
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": client,
                "group.id": client,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "queued.max.messages.kbytes": 4096,
                "reconnect.backoff.max.ms": 2000,
                # Unreachable brokers are told in our own words by whoever waits for them.
                "log_level": 2,
            }
        )

    def close(self) -> None:
        self._consumer.close()

    def partitions(self) -> dict[str, int]:
        """Number of partitions of every topic."""
        try:
            # Without naming a topic: a broker may create the topics that it is asked about.
            topics = self._consumer.list_topics(timeout=_ANSWER_WITHIN / 2).topics
        except KafkaException as error:
            raise self._unreachable(error) from None
        return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}

    def bounds(self, topic: TopicSpec) -> dict[int, tuple[int, int]]:
        """Per partition its beginning and its end."""
        try:
            return {
                partition: self._consumer.get_watermark_offsets(
                    TopicPartition(topic.name, partition), timeout=_ANSWER_WITHIN
                )
                for partition in range(self.partitions().get(topic.name, 0))
            }
        except KafkaException as error:
            raise self._unreachable(error) from None

    def last_records(self, topic: TopicSpec, facilities: Collection[int]) -> dict[int, Record]:
        """The last record of each facility on `topic`, by facility id; facilities without one are left out."""
        scan = TailScan(schema_of(topic), facilities, self.bounds(topic))
        try:
            while ranges := scan.next_ranges():
                self._read(topic.name, ranges, scan)
        except KafkaException as error:
            raise self._unreachable(error) from None
        finally:
            self._consumer.unassign()
        return scan.last

    def _read(self, topic: str, ranges: dict[int, tuple[int, int]], scan: TailScan) -> None:
        self._consumer.assign([TopicPartition(topic, partition, low) for partition, (low, _) in ranges.items()])
        unfinished = set(ranges)
        heard = time.monotonic()
        while unfinished:
            for message in self._consumer.consume(2000, timeout=1.0):
                heard = time.monotonic()
                partition, offset = message.partition(), message.offset()
                if (error := message.error()) is not None:
                    if error.code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(error)
                    unfinished.discard(partition)
                    continue
                if partition is None or offset is None or partition not in ranges:
                    continue
                if offset < ranges[partition][1]:
                    scan.add(message.key(), message.value())
                # Not the offset itself: deleted records and markers leave gaps.
                if offset >= ranges[partition][1] - 1:
                    unfinished.discard(partition)
            if time.monotonic() - heard > _STALLED_AFTER:
                raise ServerUnreachable(
                    f"Kafka at {self._bootstrap} sent nothing of {topic} partitions {sorted(unfinished)} for "
                    f"{_STALLED_AFTER:.0f} s; are their leaders alive?"
                )

    def _unreachable(self, error: KafkaException) -> ServerUnreachable:
        reason = error.args[0].str() if error.args else "no answer"
        return ServerUnreachable(f"Kafka at {self._bootstrap} does not answer ({reason}); are the brokers running?")
