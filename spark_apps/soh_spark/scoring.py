"""Streams that grade: readings of a fleet in, a grade for each of them out, by one model version a batch."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import Any

from pyspark import Broadcast, SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming.listener import (
    JStreamingQueryListener,
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)
from pyspark.sql.streaming.query import StreamingQuery

from soh.specs.streams import ScoringStreamSpec
from soh_spark.champion import ModelOfStream
from soh_spark.decode import decode
from soh_spark.grading import Artefact, scores
from soh_spark.session import STREAMING
from soh_spark.stateful import with_windows

log = logging.getLogger(__name__)

OBSERVED = "windows"
"""Name of the figures of a batch in the query's progress: its readings, and how many of them came too late."""

LARGEST_FRAME = 10_000
"""Readings that a Python worker is given at a time: it needs no memory for a whole batch, and while it works on some,
others are decoded and sent. A state in several parts is given each part whole."""

INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.subexpressionElimination.enabled": "false",
}
"""Expressions are evaluated as they stand. A batch is a few hundred readings and its plan is new each time: to generate
code for it costs more than the code gives back, on the driver and in every task, and so does remembering what an
expression that comes twice has yielded. A backlog takes somewhat longer."""

SETTINGS = {
    **STREAMING,
    # What foreachBatch is given carries everything that is known of its rows, and from the conditions under which a
    # record is readable Spark would derive so much that the driver has no memory left for it.
    "spark.sql.constraintPropagation.enabled": "false",
    # The state is a few rows of bytes, rewritten in every batch: a map in memory and one small file a batch.
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider"
    ),
    **INTERPRETED,
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(LARGEST_FRAME),
    # HDFS keeps checksums itself; a second file beside each file of a checkpoint doubles what a batch waits for.
    "spark.sql.streaming.checkpoint.fileChecksum.enabled": "false",
}
"""Of a session whose queries grade."""


def start(
    stream: ScoringStreamSpec, records: DataFrame, model: ModelOfStream, kafka: str, checkpoints: str
) -> StreamingQuery:
    """Start the query of `stream` on `records` (columns of Spark's Kafka source).

    `checkpoints` is the folder, as a URI, under which each stream has its own.
    """
    spark = records.sparkSession
    # Inherited by the query's thread; pools share the cores, so that one backlog does not starve the others.
    spark.sparkContext.setLocalProperty("spark.scheduler.pool", stream.name)

    def write(batch: DataFrame) -> None:
        batch.write.format("kafka").options(**sink_options(stream, kafka)).save()

    return (
        windows(stream, records)
        .writeStream.queryName(stream.name)
        .outputMode("update")
        .option("checkpointLocation", f"{checkpoints.rstrip('/')}/{stream.name}")
        .trigger(processingTime=f"{stream.trigger_every // timedelta(milliseconds=1)} milliseconds")
        .foreachBatch(grading(stream, model, write))
        .start()
    )


def windows(stream: ScoringStreamSpec, records: DataFrame) -> DataFrame:
    """The readable of `records` with their windows; the unreadable are the dead letters of another stream."""
    schema = stream.fleet.readings.schema
    assert schema is not None, f"stream {stream.name} reads a topic without a schema"
    decoded = decode(records, schema, stream.fleet.table.time_zone)
    return with_windows(decoded, stream.fleet, stream.state_partitions).observe(
        OBSERVED, F.count(F.lit(1)).alias("readings"), F.count_if("late").alias("late")
    )


def grading(
    stream: ScoringStreamSpec, model: ModelOfStream, write: Callable[[DataFrame], None]
) -> Callable[[DataFrame, int], None]:
    """What is done with each micro-batch: `write` is given its records and performs the batch's only action."""
    sent = _Sent()

    def grade(batch: DataFrame, number: int) -> None:
        version, artefact = model.for_batch(number)
        write(scores(batch, stream.fleet, version, sent.broadcast(batch.sparkSession, artefact)))

    return grade


def sink_options(stream: ScoringStreamSpec, kafka: str) -> dict[str, str]:
    """Options of Spark's Kafka sink for scores: at least once; the place of the reading tells the second from a new."""
    return {
        "kafka.bootstrap.servers": kafka,
        "topic": stream.writes.name,
        "kafka.acks": "all",
        "kafka.enable.idempotence": "true",
        "kafka.compression.type": "lz4",
        # The task's end does not wait for it: what is left then is flushed.
        "kafka.linger.ms": "20",
    }


class _Sent:
    """The artefact that the executors have, sent once per version."""

    def __init__(self) -> None:
        self._artefact: Artefact | None = None
        self._broadcast: Broadcast[Artefact] | None = None

    def broadcast(self, spark: SparkSession, artefact: Artefact | None) -> Broadcast[Artefact] | None:
        if artefact is not self._artefact:
            if self._broadcast is not None:
                self._broadcast.destroy()
            self._broadcast = None if artefact is None else spark.sparkContext.broadcast(artefact)
            self._artefact = artefact
        return self._broadcast


class _AsText(JStreamingQueryListener):
    """Takes an event in one call to Java: PySpark's own way asks for each figure of it, a tenth of a core in all."""

    def onQueryProgress(self, jevent: Any) -> None:  # noqa: N802
        progress = json.loads(jevent.progress().json())
        self.pylistener.onQueryProgress(QueryProgressEvent.fromJson({"progress": progress}))


class LateReadings(StreamingQueryListener):
    """Counts in the log, batch by batch, the readings that came too late to be graded."""

    @cached_property
    def _jlistener(self) -> Any:
        java = SparkContext._jvm
        assert java is not None, "a listener was added before there was a session"
        return java.org.apache.spark.sql.streaming.PythonStreamingQueryListenerWrapper(_AsText(self))

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        figures = event.progress.observedMetrics.get(OBSERVED)
        if figures is not None and figures["late"]:
            log.warning(
                "%s: %d of %d readings of batch %d came too late for their windows and are graded unknown",
                event.progress.name,
                figures["late"],
                figures["readings"],
                event.progress.batchId,
            )

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802
        """Nothing to count."""

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802
        """Nothing to count."""

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        """Nothing to count."""
