"""A little of everything that apps do, in one process and without a server: the set-up learns which classes that takes.

The first argument is a folder to write into.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from soh.lake.night import close_day
from soh.specs.fleets import HEAT, PowerFactorRule
from soh.specs.streams import HEAT_SCORING, HEAT_TO_LAKE
from soh_spark import scoring, sinks
from soh_spark.engine import NAME, SparkEngine
from soh_spark.grading import scores
from soh_spark.schema import ensure_table
from soh_spark.session import open_session
from soh_spark.source import source_options

NOBODY = "127.0.0.1:9"
"""An address at which nothing answers."""
READING = '{"facility_id":1,"seq":%d,"event_time":%d,"temperature":40.5}'
_SETTINGS = {
    **scoring.SETTINGS,
    "spark.master": "local[1]",
    "spark.driver.memory": "640m",
    "spark.ui.enabled": "false",
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
    "spark.sql.catalog.lake.type": "hadoop",
    # Once is enough to load what asks.
    "spark.hadoop.ipc.client.connect.max.retries": "0",
}


def main() -> None:
    """Rehearse streams, a night and the ways to servers."""
    folder = Path(sys.argv[1])
    spark = open_session({**_SETTINGS, "spark.sql.catalog.lake.warehouse": str(folder / "lake")})
    spark.sparkContext.setLogLevel("OFF")
    ensure_table(spark, HEAT.table)
    for begin in range(HEAT.table.small_files):
        records(spark, begin).write.mode("append").parquet(str(folder / "in"))
    arriving = spark.readStream.schema(records(spark, 0).schema).option("maxFilesPerTrigger", 1)
    stream(arriving.parquet(str(folder / "in")), folder)
    close_day(SparkEngine(spark), HEAT.table, datetime.now(ZoneInfo(HEAT.table.time_zone)).date(), NAME)
    ask_in_vain(spark)
    spark.stop()


def records(spark: SparkSession, begin: int) -> DataFrame:
    """Some readings as Kafka's source shows them."""
    reading = F.format_string(READING, F.col("id"), F.unix_timestamp())
    return (
        spark.range(begin, begin + 3)
        .coalesce(1)
        .select(
            F.lit("1").cast("binary").alias("key"),
            reading.cast("binary").alias("value"),
            F.lit(HEAT.readings.name).alias("topic"),
            F.lit(0).alias("partition"),
            F.col("id").alias("offset"),
            F.current_timestamp().alias("timestamp"),
            F.lit(0).alias("timestampType"),
            F.lit(None).cast("array<struct<key:string,value:binary>>").alias("headers"),
        )
    )


def stream(arriving: DataFrame, folder: Path) -> None:
    """Archive and grade what lies in the folder."""
    at_once = replace(HEAT_TO_LAKE, trigger_every=timedelta(0))
    archive = sinks.start(at_once, arriving, NOBODY, str(folder / "checkpoints"))
    archive.processAllAvailable()
    archive.stop()

    def grade(batch: DataFrame, _: int) -> None:
        scores(batch, HEAT, PowerFactorRule.NAME, None).write.format("noop").mode("overwrite").save()

    graded = scoring.windows(HEAT_SCORING, arriving).writeStream.outputMode("update").foreachBatch(grade)
    query = graded.option("checkpointLocation", str(folder / "checkpoints" / "grades")).start()
    query.processAllAvailable()
    query.stop()


def ask_in_vain(spark: SparkSession) -> None:
    """Ask servers that do not answer: what asks is loaded all the same."""
    some = records(spark, 0).select("key", "value")
    soon = {"kafka.request.timeout.ms": "500", "kafka.default.api.timeout.ms": "500"}
    topic = {**source_options(HEAT.readings, NOBODY), **soon}
    to_topic = {"kafka.bootstrap.servers": NOBODY, "topic": "none", "kafka.max.block.ms": "500"}
    questions: list[Callable[[], object]] = [
        lambda: spark.read.format("kafka").options(**topic).load().count(),
        lambda: some.write.format("kafka").options(**to_topic).save(),
        lambda: spark.read.text(f"hdfs://{NOBODY}/none").count(),
        lambda: spark.read.format("jdbc").options(url=f"jdbc:postgresql://{NOBODY}/none", dbtable="none").load(),
    ]
    for ask in questions:
        with contextlib.suppress(PySparkException, Py4JError):
            ask()


if __name__ == "__main__":
    main()
