"""Landed grades as Spark reads them: decoded once, and kept on its executors' disks until they are proven."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from soh.lake.content import Content
from soh.lake.engine import SORTED_BY
from soh.lake.folding import Gap, Positions
from soh.lake.landing import Landing, Unreadable
from soh.specs.landing import LandedObject
from soh.specs.tables import TableSpec
from soh_spark.decode import decode
from soh_spark.lake_table import LakeTable
from soh_spark.landed import naming_the_store, records
from soh_spark.schema import table_type

_ASIDE = ("reason", "raw", "copies")
"""Columns beside the table's."""


def read_landed(
    lake: LakeTable,
    spec: TableSpec,
    landing: Landing,
    objects: Sequence[LandedObject],
    start: Positions,
    end: Positions | None,
) -> SparkBatch:
    """Read and decode records of `objects`; to be closed."""
    rows = _decoded(lake, spec, landing, objects, start, end).persist(StorageLevel.DISK_ONLY)
    with naming_the_store(landing, lake.name):
        found = rows.groupBy("kafka_partition").agg(
            F.count("*").alias("n"), F.max("kafka_offset").alias("last"), F.sum(F.col("copies") - 1).alias("extra")
        )
        by_partition = {row["kafka_partition"]: row for row in found.collect()}
        reasons = rows.where(F.col("reason").isNotNull()).groupBy("reason").count().collect()
    return SparkBatch(
        lake=lake,
        landing=landing,
        rows=rows,
        last={partition: row["last"] for partition, row in by_partition.items()},
        records={partition: row["n"] for partition, row in by_partition.items()},
        duplicates=sum(row["extra"] for row in by_partition.values()),
        reasons={row["reason"]: row["count"] for row in reasons},
    )


@dataclass
class SparkBatch:
    """A `soh.lake.engine.Batch` on Spark."""

    lake: LakeTable
    landing: Landing
    rows: DataFrame
    """Columns of the table, `reason`, `raw` where there is a reason, and `copies`."""
    last: Mapping[int, int]
    records: Mapping[int, int]
    duplicates: int
    reasons: Mapping[str, int]

    @property
    def _readable(self) -> DataFrame:
        return self.rows.where(F.col("reason").isNull()).drop(*_ASIDE)

    @cached_property
    def _content(self) -> Content:
        with naming_the_store(self.landing, self.lake.name):
            return self.lake.content_of(self._readable)

    def content(self) -> Content:
        return self._content

    def gaps(self, start: Positions, at_most: int) -> tuple[Gap, ...]:
        with naming_the_store(self.landing, self.lake.name):
            return _gaps(self.rows, start, at_most)

    def unreadable(self) -> Iterator[Unreadable]:
        return _unreadable(self.rows)

    def append(self, summary: Mapping[str, str]) -> None:
        # A file a day, its rows in the order that questions about one facility come in.
        rows = self._readable.repartition("event_date").sortWithinPartitions("event_date", *SORTED_BY)
        writer = rows.writeTo(self.lake.name)
        for key, value in summary.items():
            writer = writer.option(f"snapshot-property.{key}", value)
        with naming_the_store(self.landing, self.lake.name):
            writer.append()

    def close(self) -> None:
        self.rows.unpersist()


def _decoded(
    lake: LakeTable,
    spec: TableSpec,
    landing: Landing,
    objects: Collection[LandedObject],
    start: Positions,
    end: Positions | None,
) -> DataFrame:
    landed = records(lake.spark, landing, tuple(objects), start, end)
    decoded = decode(landed, spec.schema, spec.time_zone)
    raw = F.when(F.col("reason").isNotNull(), F.col("source.value")).alias("raw")
    return decoded.select(*table_type(spec).names, "reason", raw, F.col("source.copies").alias("copies"))


def _gaps(rows: DataFrame, start: Positions, at_most: int) -> tuple[Gap, ...]:
    in_order = Window.partitionBy("kafka_partition").orderBy("kafka_offset")
    begin = F.create_map(*(F.lit(word) for pair in start.items() for word in pair))
    expected = F.coalesce(F.lag("kafka_offset").over(in_order) + 1, begin[F.col("kafka_partition")])
    found = (
        rows.select("kafka_partition", "kafka_offset", expected.alias("expected"))
        .where(F.col("kafka_offset") > F.col("expected"))
        .orderBy("kafka_partition", "kafka_offset")
        .limit(at_most)
        .collect()
    )
    return tuple(
        Gap(partition=row["kafka_partition"], first=row["expected"], last=row["kafka_offset"] - 1) for row in found
    )


def _unreadable(rows: DataFrame) -> Iterator[Unreadable]:
    columns = ("kafka_partition", "kafka_offset", F.unix_millis("kafka_timestamp").alias("millis"), "raw", "reason")
    found = rows.where(F.col("reason").isNotNull()).select(*columns).orderBy("kafka_partition", "kafka_offset")
    for row in found.toLocalIterator():
        yield Unreadable(
            partition=row["kafka_partition"],
            offset=row["kafka_offset"],
            timestamp=row["millis"],
            value=bytes(row["raw"] or b""),
            reason=row["reason"],
        )
