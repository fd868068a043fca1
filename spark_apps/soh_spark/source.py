"""Kafka topics as streaming DataFrames."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame, SparkSession

from soh.specs import TopicSpec

LARGEST_BATCH = 100_000
"""Records of one micro-batch, so that a backlog of a day comes in batches that end: some seconds of work each, after
which a new champion can take over."""

LARGEST_PART = 20_000
"""Records of a backlog that one task reads at a stretch: few enough for a batch to fall into equal shares."""


def source_options(
    topic: TopicSpec,
    kafka: str,
    *,
    accept_loss: bool = False,
    largest_batch: int = LARGEST_BATCH,
    first_offsets: str = "earliest",
    wait_for_more: timedelta | None = None,
) -> dict[str, str]:
    """Options of Spark's Kafka source for `topic` on the brokers `kafka` (`host:port,...`).

    `failOnDataLoss`: records that retention deleted before they were read end the query, and with it the
    app, with Kafka's own words. The warning in a log that Spark would write otherwise nobody reads, and the
    gap would be gone from the checkpoint with the next commit. Going on past the gap is a person's word:
    `accept_loss`. `first_offsets`, in Spark's JSON, count only for a query without a checkpoint. Less than a
    `largest_batch` is left for `wait_for_more` after the batch before.
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
        "maxOffsetsPerTrigger": str(largest_batch),
        # Parts of one size, or the task with the fullest partitions is waited for.
        "maxRecordsPerPartition": str(LARGEST_PART),
    }
    if wait_for_more is not None:
        options["minOffsetsPerTrigger"] = str(largest_batch)
        options["maxTriggerDelay"] = f"{wait_for_more // timedelta(milliseconds=1)}ms"
    return options


def read_topic(
    spark: SparkSession,
    topic: TopicSpec,
    kafka: str,
    *,
    accept_loss: bool = False,
    largest_batch: int = LARGEST_BATCH,
    first_offsets: str = "earliest",
    wait_for_more: timedelta | None = None,
) -> DataFrame:
    """Stream `topic`: key, value, topic, partition, offset, timestamp, timestampType, headers."""
    options = source_options(
        topic,
        kafka,
        accept_loss=accept_loss,
        largest_batch=largest_batch,
        first_offsets=first_offsets,
        wait_for_more=wait_for_more,
    )
    return spark.readStream.format("kafka").options(**options).load()
