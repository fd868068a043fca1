"""Small tables of the lake, filled as a stream would: one file a commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

from pyspark.sql import SparkSession
from soh_spark.schema import ensure_table

from soh.specs import TableSpec
from soh.specs.tables import HYDRAULIC_RAW

DAY = date(2026, 5, 1)
NEXT_DAY = date(2026, 5, 2)


@contextmanager
def dropped(spark: SparkSession, table: TableSpec) -> Iterator[TableSpec]:
    """The table does not exist, neither before nor after."""
    spark.sql(f"DROP TABLE IF EXISTS {table.identifier} PURGE")
    try:
        yield table
    finally:
        spark.sql(f"DROP TABLE IF EXISTS {table.identifier} PURGE")


@contextmanager
def created(spark: SparkSession, name: str) -> Iterator[TableSpec]:
    """A table of its own for one test, with the columns of `hydraulic_raw`."""
    with dropped(spark, replace(HYDRAULIC_RAW, name=name)) as table:
        ensure_table(spark, table)
        yield table


def append(spark: SparkSession, table: TableSpec, first_offset: int, rows: int = 10, day: date = DAY) -> None:
    """Commit one file with `rows` readings of five facilities, at consecutive offsets; some values null or -0.0."""
    spark.range(first_offset, first_offset + rows, 1, 1).selectExpr(
        "id % 5 + 1000 AS facility_id",
        "id AS seq",
        f"timestamp'{day} 00:00:00' + make_interval(0, 0, 0, 0, 0, 0, id) AS event_time",
        "id AS cycle",
        *(f"CASE id % 4 WHEN 0 THEN NULL WHEN 1 THEN -0.0D ELSE id + {n}.5D END AS {name}" for n, name in CHANNELS),
        f"date'{day}' AS event_date",
        "0 AS kafka_partition",
        "id AS kafka_offset",
        "timestamp'2026-05-01 12:00:00' AS kafka_timestamp",
    ).writeTo(table.identifier).append()


CHANNELS = tuple(enumerate(field.name for field in HYDRAULIC_RAW.schema.measurements))


def replace_day(spark: SparkSession, table: TableSpec, first_offset: int, rows: int, **summary: str) -> int:
    """Commit a rewrite of DAY that leaves `rows` readings from `first_offset` on; returns its snapshot.

    What a broken rewrite would do: it is a `replace` by Iceberg's interface, with other content.
    """
    load, session = spark._jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable, spark._jsparkSession
    changes = spark._jvm.org.apache.iceberg.SnapshotChanges
    with created(spark, f"{table.name}_other") as other, _kept_files(spark, other):
        append(spark, other, first_offset, rows)
        source = load(session, other.identifier)
        (file,) = changes.builderFor(source).snapshot(source.currentSnapshot()).build().addedDataFiles()
        target = load(session, table.identifier)
        rewrite = target.newRewrite()
        for task in target.newScan().planFiles():
            if task.file().partition().toString() == file.partition().toString():
                rewrite.deleteFile(task.file())
        rewrite.addFile(file)
        for key, value in summary.items():
            rewrite.set(key, value)
        rewrite.commit()
    return target.currentSnapshot().snapshotId()


def offsets(spark: SparkSession, table: TableSpec) -> list[int]:
    """Kafka offsets of all rows, sorted, duplicates included."""
    return sorted(row["kafka_offset"] for row in spark.table(table.identifier).select("kafka_offset").collect())
