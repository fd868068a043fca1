"""Spark sessions of the apps: the settings that belong to the code rather than to the cluster."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pyspark.sql import SparkSession

from soh.specs.tables import CATALOG

ALWAYS = {
    # Local days are computed from UTC, and snapshots are expired by UTC times.
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.showConsoleProgress": "false",
    # Executors too: a stream's would tell of every fetch, for months, in a file that nobody rotates.
    "spark.executor.syncLogLevel.enabled": "true",
    "spark.ui.retainedJobs": "50",
    "spark.ui.retainedStages": "50",
    "spark.ui.retainedTasks": "500",
    "spark.sql.ui.retainedExecutions": "20",
    # Decoding is one long expression, and a plan is written out for every batch.
    "spark.sql.maxPlanStringLength": "2000",
}

STREAMING: Mapping[str, str] = {
    **ALWAYS,
    "spark.scheduler.mode": "FAIR",
    # Every batch sends the executors what it needs to know of HDFS, a quarter of a megabyte, and they keep it until the
    # driver has collected its garbage; by themselves, that would be after half an hour.
    "spark.cleaner.periodicGC.interval": "2min",
    # What a consumer has fetched at a time, tens of megabytes of a backlog, executors would keep for five minutes.
    "spark.kafka.consumer.fetchedData.cache.timeout": "10s",
    "spark.kafka.consumer.fetchedData.cache.evictorThreadRunInterval": "10s",
    # The consumers themselves, with what they have fetched ahead, for longer than the rarest query is idle.
    "spark.kafka.consumer.cache.timeout": "2min",
    # No query shuffles; a plan that ever does must not make 200 tasks a batch.
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    # The verdict on a stream is read from these files.
    "spark.sql.streaming.minBatchesToRetain": "100",
    "spark.sql.streaming.numRecentProgressUpdates": "3",
    "spark.sql.streaming.noDataProgressEventInterval": "60s",
    # The other mode numbers every operator of every batch's plan, for a page that nobody has open.
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.streaming.ui.retainedQueries": "20",
    "spark.sql.streaming.ui.retainedProgressUpdates": "20",
}
"""For an app whose queries are idle most of the time on a shared core."""

COMPACTION: Mapping[str, str] = {
    **ALWAYS,
    "spark.sql.shuffle.partitions": "4",
    # A cached table would not show what live writers commit meanwhile.
    f"spark.sql.catalog.{CATALOG}.cache-enabled": "false",
    # Asks the NameNode for the hosts of every small file, thousands of them, for nothing on few nodes.
    "spark.sql.iceberg.locality.enabled": "false",
}
"""For an app that rewrites files beside live writers."""

FOLDING: Mapping[str, str] = {
    **COMPACTION,
    # Two spellings of one field of a grade differ in their capitals alone.
    "spark.sql.caseSensitive": "true",
}
"""For an app that reads what others have written as JSON and appends it to a table."""

TRAINING: Mapping[str, str] = {
    **ALWAYS,
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.iceberg.locality.enabled": "false",
}
"""For an app that reads much of the lake once and brings a bounded part of it to its driver."""

_SAYS_IT_EVERY_BATCH = (
    # That a plan was cut to the length above.
    "org.apache.spark.sql.catalyst.util.StringUtils",
    # That a batch took longer than its trigger; whether a stream keeps up is the watch's verdict.
    "org.apache.spark.sql.execution.streaming.runtime.ProcessingTimeExecutor",
)
"""Loggers whose warnings would fill the file that nobody rotates, some 30 MB a day."""


def open_session(settings: Mapping[str, str]) -> SparkSession:
    """Open the app's session with `settings` on top of what was submitted, and quieten its log."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("py4j").setLevel(logging.WARNING)
    spark = SparkSession.builder.config(map=dict(settings)).getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    log4j = jvm(spark).org.apache.logging.log4j
    for name in _SAYS_IT_EVERY_BATCH:
        log4j.core.config.Configurator.setLevel(name, log4j.Level.ERROR)
    return spark


def pace(spark: SparkSession) -> int:
    """How many times longer than declared the streams of this cluster wait between two batches."""
    return int(spark.conf.get("spark.soh.pace", "1"))


def gateway(spark: SparkSession) -> Any:
    """The bridge to Java, for arrays of Java objects."""
    return spark.sparkContext._gateway


def jvm(spark: SparkSession) -> Any:
    """Java classes by their full names, for what PySpark does not offer."""
    return spark._jvm
