"""Where streams write: readable records to the lake, unreadable ones to the dead letters."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from soh.specs import StreamSpec, TableSpec, TopicSpec
from soh_spark.decode import decode
from soh_spark.source import Batches

LOOK_EVERY = timedelta(seconds=2)
"""How often a query of the lake looks whether a backlog makes a full batch."""
LETTERS_LOOK_EVERY = timedelta(seconds=10)
MOST_LETTERS = 40_000
"""Records that the dead letters let pass in a batch. Every look can find one, when 20,000 sensors have sent so many."""
LARGEST_LETTER = 64 * 1024 * 1024
"""Bytes. A broker measures compressed messages, so a short one may be long when it is unpacked."""


def start(stream: StreamSpec, records: DataFrame, kafka: str, checkpoints: str) -> StreamingQuery:
    """Start the query of `stream` on `records` (columns of Spark's Kafka source).

    `checkpoints` is the folder, as a URI, under which each stream has its own.
    """
    # Inherited by the query's thread; pools share the cores, so that one backlog does not starve the others.
    records.sparkSession.sparkContext.setLocalProperty("spark.scheduler.pool", stream.name)
    match stream.writes:
        case TableSpec() as table:
            return (
                _writer(stream, lake_rows(records, stream, table), checkpoints)
                .option("fanout-enabled", "true")
                .toTable(table.identifier)
            )
        case TopicSpec() as topic:
            return (
                _writer(stream, dead_letters(records, stream), checkpoints)
                .format("kafka")
                .options(**dead_letter_options(topic, kafka))
                .start()
            )


def lake_rows(records: DataFrame, stream: StreamSpec, table: TableSpec) -> DataFrame:
    """The readable of `records` with the columns of `table`, in at most `files_per_batch` files."""
    decoded = decode(records, table.schema, table.time_zone).where("reason IS NULL")
    # In the order that the table has, which may be older than the declaration.
    existing = records.sparkSession.table(table.identifier).columns
    return decoded.select(*(name for name in existing if name in decoded.columns)).coalesce(stream.files_per_batch)


def dead_letters(records: DataFrame, stream: StreamSpec) -> DataFrame:
    """The unreadable of `records`: key and value as they came; headers tell the reason and the origin.

    The original headers come first; `reason`, `topic`, `partition`, `offset` and `timestamp` (milliseconds
    since 1970) are texts after them, and the last header of a name is the one that Kafka's clients return.
    """
    schema = stream.reads.schema
    assert schema is not None, f"stream {stream.name} reads a topic without a schema"
    decoded = decode(records, schema, "UTC")
    source = F.col("source")
    origin = F.array(
        _header("reason", F.col("reason")),
        _header("topic", source["topic"]),
        _header("partition", source["partition"]),
        _header("offset", source["offset"]),
        _header("timestamp", F.unix_millis(source["timestamp"])),
    )
    headers = F.when(source["headers"].isNull(), origin).otherwise(F.concat(source["headers"], origin))
    return decoded.where("reason IS NOT NULL").select(
        source["key"].alias("key"), source["value"].alias("value"), headers.alias("headers")
    )


def dead_letter_options(topic: TopicSpec, kafka: str) -> dict[str, str]:
    """Options of Spark's Kafka sink for dead letters.

    The sink delivers at least once: the batch that a crash interrupted is written again. The headers
    `topic`, `partition` and `offset` tell the second letter from another record.
    """
    size = str(max(LARGEST_LETTER, topic.max_message_size))
    return {
        "kafka.bootstrap.servers": kafka,
        "topic": topic.name,
        "kafka.acks": "all",
        "kafka.enable.idempotence": "true",
        "kafka.compression.type": "zstd",
        "kafka.max.request.size": size,
        "kafka.buffer.memory": size,
    }


def batches(stream: StreamSpec) -> Batches:
    """How the topic of `stream` is cut into batches, by what it is written to.

    Readings on their way to the lake work off a backlog batch after batch, and only its rest waits for the next
    trigger. Dead letters let them pass, and take the readings of a large fleet a little at a time: all of a minute at
    once would take both cores from the grades for seconds.
    """
    if isinstance(stream.writes, TableSpec):
        return Batches(enough=Batches().largest, patience=stream.trigger_every)
    return Batches(largest=MOST_LETTERS, enough=MOST_LETTERS // 2, patience=stream.trigger_every)


def _writer(stream: StreamSpec, rows: DataFrame, checkpoints: str) -> DataStreamWriter:
    every = min(stream.trigger_every, LOOK_EVERY if isinstance(stream.writes, TableSpec) else LETTERS_LOOK_EVERY)
    return (
        rows.writeStream.queryName(stream.name)
        .outputMode("append")
        .option("checkpointLocation", f"{checkpoints.rstrip('/')}/{stream.name}")
        .trigger(processingTime=f"{every // timedelta(milliseconds=1)} milliseconds")
    )


def _header(name: str, value: Column) -> Column:
    return F.struct(F.lit(name).alias("key"), value.cast("string").cast("binary").alias("value"))
