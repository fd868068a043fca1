"""Where a stream that grades begins at its very first start: after its fleet's history, which is archived only."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import SparkSession

from soh.errors import ServerUnreachable
from soh.specs import FleetSpec, HistoryState
from soh_spark.session import jvm
from soh_spark.topics import admin

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=2)
TELL_EVERY = timedelta(seconds=30)
EARLIEST = "earliest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A commit of the fleet's history group."""

    offset: int
    metadata: str
    """A HistoryState."""


def first_offsets(topic: str, marks: Mapping[int, Mark], oldest: Mapping[int, int]) -> str | None:
    """Spark's `startingOffsets` for `topic`; None while its history is being sent.

    `oldest` is the oldest offset of every partition. What retention has deleted of a history is not missed, and a
    partition that is younger than the history is read from its beginning.
    """
    if not marks:
        return EARLIEST
    if any(mark.metadata != HistoryState.SENT for mark in marks.values()):
        return None
    starts = {str(p): max(at, marks[p].offset) if p in marks else at for p, at in sorted(oldest.items())}
    return json.dumps({topic: starts})


def wait_for_history(
    spark: SparkSession, kafka: str, fleet: FleetSpec, *, sleep: Callable[[float], None] = time.sleep
) -> str:
    """Wait until the history of `fleet` is on its topic; returns the `startingOffsets` after it.

    Without end: whoever supervises the app sees that it does not move. An outage of the brokers is waited out too.
    """
    topic = fleet.readings.name
    told = 0.0
    while True:
        try:
            offsets = first_offsets(topic, _marks(spark, kafka, fleet), _oldest(spark, kafka, topic))
            trouble = f"the history of {fleet.name} is being sent"
        except ServerUnreachable as error:
            offsets, trouble = None, str(error)
        if offsets is not None:
            log.info("%s begins at %s", topic, offsets)
            return offsets
        if time.monotonic() - told >= TELL_EVERY.total_seconds():
            told = time.monotonic()
            log.info("%s; grading begins after it", trouble)
        sleep(LOOK_EVERY.total_seconds())


def _marks(spark: SparkSession, kafka: str, fleet: FleetSpec) -> dict[int, Mark]:
    with admin(spark, kafka, f"tell what group {fleet.history_group} has committed") as client:
        found = client.listConsumerGroupOffsets(fleet.history_group).partitionsToOffsetAndMetadata().get()
        return {
            entry.getKey().partition(): Mark(
                offset=entry.getValue().offset(),
                # Python's Kafka client commits the end of a C string with it.
                metadata=entry.getValue().metadata().rstrip("\0"),
            )
            for entry in found.entrySet()
            if entry.getKey().topic() == fleet.readings.name and entry.getValue() is not None
        }


def _oldest(spark: SparkSession, kafka: str, topic: str) -> dict[int, int]:
    java = jvm(spark)
    with admin(spark, kafka, f"tell where topic {topic} begins") as client:
        described = client.describeTopics(java.java.util.List.of(topic)).allTopicNames().get().get(topic)
        asked = java.java.util.HashMap()
        for partition in described.partitions():
            place = java.org.apache.kafka.common.TopicPartition(topic, partition.partition())
            asked.put(place, java.org.apache.kafka.clients.admin.OffsetSpec.earliest())
        found = client.listOffsets(asked).all().get()
        return {entry.getKey().partition(): entry.getValue().offset() for entry in found.entrySet()}
