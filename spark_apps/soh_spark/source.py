"""Kafka topics as streaming DataFrames."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame, SparkSession

from soh.specs import TopicSpec

LARGEST_PART = 20_000
"""Records of a backlog that one task reads at a stretch: few enough for a batch to fall into equal shares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """How a topic is cut into micro-batches; as it stands, whatever has come makes the next batch."""

    largest: int = 100_000
    """Records of one of them, so that a backlog of a day comes in batches that end: some seconds of work each, after
    which a new champion can take over."""
    enough: int | None = None
    """Records that make a batch before `patience` is over; None does not wait for any."""
    patience: timedelta = timedelta(0)
    """Fewer than `enough` records are left for so long after the batch before."""


def source_options(
    topic: TopicSpec,
    kafka: str,
    *,
    accept_loss: bool = False,
    batches: Batches = Batches(),
    first_offsets: str = "earliest",
) -> dict[str, str]:
    """Options of Spark's Kafka source for `topic` on the brokers `kafka` (`host:port,...`).

    `failOnDataLoss`: records that retention deleted before they were read end the query, and with it the
    app, with Kafka's own words. The warning in a log that Spark would write otherwise nobody reads, and the
    gap would be gone from the checkpoint with the next commit. Going on past the gap is a person's word:
    `accept_loss`. `first_offsets`, in Spark's JSON, count only for a query without a checkpoint.
    """
    options = {
        "kafka.bootstrap.servers": kafka,
        "subscribe": topic.name,
        "startingOffsets": first_offsets,
        "failOnDataLoss": str(not accept_loss).lower(),
        "includeHeaders": "true",
        # After each fetch Spark asks the broker where the partition begins and ends, and that question waits behind
        # the consumer's next fetch, which the broker would hold for half a second when nothing new is there.
        "kafka.fetch.max.wait.ms": "10",
        # The fewer fetches the better therefore; Kafka's own limits make one of every 500 records.
        "kafka.max.poll.records": "10000",
        "kafka.max.partition.fetch.bytes": str(4 * 1024 * 1024),
        "maxOffsetsPerTrigger": str(batches.largest),
        # Parts of one size, or the task with the fullest partitions is waited for.
        "maxRecordsPerPartition": str(LARGEST_PART),
    }
    if batches.enough is not None:
        options["minOffsetsPerTrigger"] = str(batches.enough)
        options["maxTriggerDelay"] = f"{batches.patience // timedelta(milliseconds=1)}ms"
    return options


def read_topic(
    spark: SparkSession,
    topic: TopicSpec,
    kafka: str,
    *,
    accept_loss: bool = False,
    batches: Batches = Batches(),
    first_offsets: str = "earliest",
) -> DataFrame:
    """Stream `topic`: key, value, topic, partition, offset, timestamp, timestampType, headers."""
    options = source_options(topic, kafka, accept_loss=accept_loss, batches=batches, first_offsets=first_offsets)
    return spark.readStream.format("kafka").options(**options).load()
