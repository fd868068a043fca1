"""One Iceberg table as the batch sees it: its snapshots, its files, and what a day holds at a snapshot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DoubleType, FloatType, StructField

from soh.specs.tables import StoredSpec
from soh_spark.compaction import UNDOES, DataFile, Snapshot
from soh_spark.content import Content, Sums
from soh_spark.session import jvm

PROVEN = "soh.proven-snapshot"
"""Property of the table: up to this snapshot every rewrite has been proven, or taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeTable:
    """Reads of one declared table or view, and the writes that need Iceberg's own interface."""

    spark: SparkSession
    spec: StoredSpec

    @property
    def name(self) -> str:
        return self.spec.identifier

    def exists(self) -> bool:
        return self.spark.catalog.tableExists(self.name)

    def chain(self) -> list[Snapshot]:
        """Snapshots from the current one back to the oldest that has not expired."""
        # The current one first: what is committed between the two reads is then not in the way.
        head = self.spark.sql(f"SELECT snapshot_id FROM {self.name}.refs WHERE name = 'main'").first()
        rows = self.spark.sql(
            "SELECT snapshot_id, parent_id, unix_micros(committed_at) AS micros, operation, summary "
            f"FROM {self.name}.snapshots"
        ).collect()
        by_id = {row["snapshot_id"]: row for row in rows}
        chain = []
        row = by_id.get(head["snapshot_id"]) if head else None
        while row is not None:
            chain.append(
                Snapshot(
                    id=row["snapshot_id"],
                    parent=row["parent_id"],
                    committed_at=_moment(row["micros"]),
                    operation=row["operation"],
                    summary=row["summary"],
                )
            )
            row = by_id.get(row["parent_id"])
        return chain

    def files(self, day: date) -> list[DataFile]:
        """Data files of `day` at the current snapshot."""
        rows = (
            self.spark.table(f"{self.name}.files")
            .where((F.col("content") == 0) & (F.col("partition.event_date") == F.lit(day)))
            .select("file_size_in_bytes", "record_count")
            .collect()
        )
        return [DataFile(size=row["file_size_in_bytes"], rows=row["record_count"]) for row in rows]

    def rows_by_day(self, snapshot: int, days: Collection[date]) -> dict[date, int]:
        """How many rows of `days` there are at `snapshot`, by the table's own metadata: no data file is read."""
        rows = (
            self.spark.sql(f"SELECT * FROM {self.name}.files VERSION AS OF {snapshot}")
            .where((F.col("content") == 0) & F.col("partition.event_date").isin(*days))
            .groupBy(F.col("partition.event_date").alias("day"))
            .agg(F.sum("record_count").alias("n"))
            .collect()
        )
        return {row["day"]: row["n"] for row in rows}

    def days_of(self, rewrite: Snapshot) -> frozenset[date]:
        """Days of the files that `rewrite` added or removed."""
        rows = (
            self.spark.sql(f"SELECT * FROM {self.name}.entries VERSION AS OF {rewrite.id}")
            .where((F.col("snapshot_id") == rewrite.id) & (F.col("status") != 0))
            .select(F.col("data_file.partition.event_date").alias("day"))
            .distinct()
            .collect()
        )
        return frozenset(row["day"] for row in rows)

    def at(self, snapshot: int) -> DataFrame:
        return self.spark.sql(f"SELECT * FROM {self.name} VERSION AS OF {snapshot}")

    def contents(self, snapshots: Collection[int], days: Collection[date]) -> dict[int, Content]:
        """What `days` hold at each of `snapshots`, compared over the columns that all of them have."""
        tables = {snapshot: self.at(snapshot) for snapshot in snapshots}
        names = set.intersection(*(set(table.columns) for table in tables.values()))
        # A column that was widened meanwhile would hash differently, so all are read by the newest types.
        columns = [column for column in self.spark.table(self.name).schema if column.name in names]
        return {
            snapshot: _content(table.where(F.col("event_date").isin(*days)), columns)
            for snapshot, table in tables.items()
        }

    def content_of(self, rows: DataFrame) -> Content:
        """What `rows` hold, over those of the table's columns that they have."""
        return _content(rows, [column for column in self.spark.table(self.name).schema if column.name in rows.columns])

    def added(self, snapshot: Snapshot) -> DataFrame:
        """The rows that an append has added."""
        if snapshot.parent is None:
            return self.at(snapshot.id)
        reader = self.spark.read.option("start-snapshot-id", snapshot.parent)
        return reader.option("end-snapshot-id", snapshot.id).table(self.name)

    def duplicates(self, snapshot: int, day: date) -> int:
        """Rows of `day` beyond the first of each Kafka record."""
        counts = (
            self.at(snapshot)
            .where(F.col("event_date") == F.lit(day))
            .groupBy("kafka_partition", "kafka_offset")
            .count()
            .agg(F.coalesce(F.sum(F.col("count") - 1), F.lit(0)).alias("extra"))
            .first()
        )
        return int(counts["extra"]) if counts else 0

    def proven(self) -> int | None:
        """The snapshot up to which earlier runs have proven every rewrite."""
        value = self.property(PROVEN)
        return int(value) if value else None

    def set_proven(self, snapshot: int) -> None:
        self.set_property(PROVEN, str(snapshot))

    def property(self, key: str) -> str | None:
        """A property of the table as it is at this moment."""
        value = self._java().properties().get(key)
        return None if value is None else str(value)

    def set_property(self, key: str, value: str) -> None:
        self._java().updateProperties().set(key, value).commit()

    def take_out(self, append: Snapshot, summary: Mapping[str, str]) -> None:
        """Commit a removal of the files that `append` added, with `summary`; everything else stays as it is.

        Raises what Iceberg raises when they are no longer in the table.
        """
        java = self._java()
        all_changes = jvm(self.spark).org.apache.iceberg.SnapshotChanges.builderFor(java)
        removal = java.newDelete()
        for file in all_changes.snapshot(java.snapshot(append.id)).build().addedDataFiles().iterator():
            removal.deleteFile(file)
        for key, value in summary.items():
            removal.set(key, value)
        removal.validateFilesExist().commit()

    def put_back(self, rewrite: Snapshot) -> None:
        """Commit the inverse of `rewrite`: its files out, those that it removed in, everything else as it is.

        Needs the removed files on disk, where they stay until their snapshots expire. Raises what Iceberg
        raises when the files of `rewrite` are no longer in the table.
        """
        java = self._java()
        all_changes = jvm(self.spark).org.apache.iceberg.SnapshotChanges.builderFor(java)
        changes = all_changes.snapshot(java.snapshot(rewrite.id)).build()
        # Two snapshots in one commit, because no single operation will do: Iceberg refuses a rewrite that adds
        # more rows than it removes, and an overwrite does not notice when what it removes is gone already.
        both = java.newTransaction()
        removal = both.newDelete()
        for file in changes.addedDataFiles().iterator():
            removal.deleteFile(file)
        removal.validateFilesExist().commit()
        addition = both.newFastAppend()
        for file in changes.removedDataFiles().iterator():
            addition.appendFile(file)
        addition.set(UNDOES, str(rewrite.id)).commit()
        both.commitTransaction()

    def _java(self) -> Any:
        """The table in Iceberg's own interface, with the metadata of this moment."""
        load = jvm(self.spark).org.apache.iceberg.spark.Spark3Util.loadIcebergTable
        return load(self.spark._jsparkSession, self.name)


def _content(rows: DataFrame, columns: Collection[StructField]) -> Content:
    hashed = rows.select("event_date", "facility_id", _row_hash(columns).alias("h"))
    # Two sums of half hashes are exact in 64 bits for four thousand million rows, and faster than decimals.
    sums = hashed.groupBy("event_date", "facility_id").agg(
        F.count("*").alias("rows"),
        F.sum(F.shiftright("h", 32)).alias("high"),
        F.sum(F.col("h").bitwiseAND(0xFFFFFFFF)).alias("low"),
    )
    return {
        (row["event_date"], row["facility_id"]): Sums(rows=row["rows"], hash=(row["high"] << 32) + row["low"])
        for row in sums.collect()
    }


def _row_hash(columns: Collection[StructField]) -> Column:
    values = [F.col(column.name).cast(column.dataType) for column in columns]
    return F.xxhash64(*values, *(_mark(value, column) for value, column in zip(values, columns, strict=True)))


def _mark(value: Column, column: StructField) -> Column:
    """What `xxhash64` does not see: it skips a null, and takes -0.0 for 0.0."""
    mark = F.when(value.isNull(), 1)
    if isinstance(column.dataType, DoubleType | FloatType):
        mark = mark.when((value == 0) & (value.cast("string") == "-0.0"), 2)
    return mark.otherwise(0)


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
