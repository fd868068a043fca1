"""Small tables of the lake, filled as a stream would: one file a commit."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import TypeVar

from pyspark.sql import SparkSession

from soh.specs import TableSpec
from soh.specs.tables import HYDRAULIC_RAW, StoredSpec
from soh_spark.schema import ensure_table

Stored = TypeVar("Stored", bound=StoredSpec)

DAY = date(2026, 5, 1)
NEXT_DAY = date(2026, 5, 2)


@contextmanager
def dropped(spark: SparkSession, table: Stored) -> Iterator[Stored]:
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


def append(
    spark: SparkSession, table: TableSpec, first_offset: int, rows: int = 10, day: date = DAY, branch: str = "main"
) -> None:
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
    ).writeTo(f"{table.identifier}.branch_{branch}").append()


CHANNELS = tuple(enumerate(field.name for field in HYDRAULIC_RAW.schema.measurements))


def replace_day(
    spark: SparkSession, table: TableSpec, first_offset: int, rows: int, summary: Mapping[str, str] | None = None
) -> int:
    """Commit a rewrite of DAY that leaves `rows` readings from `first_offset` on; returns its snapshot.

    What a broken rewrite would do: it is a `replace` by Iceberg's interface, with other content.
    """
    load = spark._jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable
    changes = spark._jvm.org.apache.iceberg.SnapshotChanges
    # A branch is a place in the same table where a file can be written without being in the table.
    spark.sql(f"ALTER TABLE {table.identifier} CREATE BRANCH aside")
    append(spark, table, first_offset, rows, branch="aside")
    java = load(spark._jsparkSession, table.identifier)
    (added,) = changes.builderFor(java).snapshot(java.snapshot("aside")).build().addedDataFiles()
    rewrite = java.newRewrite()
    for task in java.newScan().planFiles().iterator():
        if task.file().partition().toString() == added.partition().toString():
            rewrite.deleteFile(task.file())
    rewrite.addFile(added)
    for key, value in (summary or {}).items():
        rewrite.set(key, value)
    rewrite.commit()
    spark.sql(f"ALTER TABLE {table.identifier} DROP BRANCH aside")
    return java.currentSnapshot().snapshotId()


def offsets(spark: SparkSession, table: TableSpec) -> list[int]:
    """Kafka offsets of all rows, sorted, duplicates included."""
    return sorted(row["kafka_offset"] for row in spark.table(table.identifier).select("kafka_offset").collect())
