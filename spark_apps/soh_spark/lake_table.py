"""One Iceberg table as the batch sees and changes it through Spark: the engine of days too large for one process."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DoubleType, FloatType, StructField

from soh.errors import RewriteConflict
from soh.lake.compaction import UNDOES, DataFile, Snapshot
from soh.lake.content import MARK_BITS, MARKS_A_LONG, Content, Sums, digest_of
from soh.lake.engine import SORTED_BY
from soh.specs import TableSpec, ViewSpec
from soh.specs.tables import CATALOG, NAMESPACE
from soh_spark.conflicts import is_conflict, retry_conflicts
from soh_spark.session import jvm

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeTable:
    """A `soh.lake.engine.Table` on Spark."""

    spark: SparkSession
    spec: TableSpec | ViewSpec

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

    def digest(self, snapshot: int, day: date) -> str:
        names = (
            self.spark.sql(f"SELECT * FROM {self.name}.files VERSION AS OF {snapshot}")
            .where((F.col("content") == 0) & (F.col("partition.event_date") == F.lit(day)))
            .select("file_path")
            .collect()
        )
        return digest_of(row["file_path"] for row in names)

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

    def added(self, snapshot: Snapshot) -> Content:
        """What an append has added."""
        if snapshot.parent is None:
            return self.content_of(self.at(snapshot.id))
        reader = self.spark.read.option("start-snapshot-id", snapshot.parent)
        return self.content_of(reader.option("end-snapshot-id", snapshot.id).table(self.name))

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

    def rewrite(self, day: date) -> None:
        options = {
            "target-file-size-bytes": self.spec.target_file_size,
            "min-input-files": self.spec.small_files,
            "max-concurrent-file-group-rewrites": 1,
            # Several commits would be several proofs, and a crash between them a day half done.
            "partial-progress.enabled": "false",
        }
        pairs = ", ".join(f"'{key}', '{value}'" for key, value in options.items())
        order = ", ".join(f"{name} ASC NULLS FIRST" for name in SORTED_BY)
        call = (
            f"CALL {CATALOG}.system.rewrite_data_files(table => '{NAMESPACE}.{self.spec.name}', strategy => 'sort', "
            f"sort_order => '{order}', where => \"event_date = DATE '{day}'\", options => map({pairs}))"
        )
        row = retry_conflicts(f"{self.name} on {day}", lambda: self.spark.sql(call).first())
        if row is not None:
            log.info("%s files rewritten into %s", row["rewritten_data_files_count"], row["added_data_files_count"])

    def rewrite_manifests(self) -> None:
        call = f"CALL {CATALOG}.system.rewrite_manifests(table => '{NAMESPACE}.{self.spec.name}', use_caching => false)"
        rows = retry_conflicts(f"manifests of {self.name}", lambda: self.spark.sql(call).collect())
        log.info("%s manifests became %s", rows[0]["rewritten_manifests_count"], rows[0]["added_manifests_count"])

    def expire(self, cutoff: datetime, keep: int) -> None:
        # Iceberg's action deletes what no snapshot reaches any more. Its Java interface judges by what an expired
        # snapshot removed, and would take files that an undo has put back.
        self.spark.sql(
            f"CALL {CATALOG}.system.expire_snapshots(table => '{NAMESPACE}.{self.spec.name}', "
            f"older_than => TIMESTAMP '{cutoff:%Y-%m-%d %H:%M:%S.%f} UTC', retain_last => {keep}, "
            f"stream_results => true)"
        ).collect()

    def read_property(self, key: str) -> str | None:
        """A property of the table as it is at this moment."""
        value = self._java().properties().get(key)
        return None if value is None else str(value)

    def write_property(self, key: str, value: str) -> None:
        self._java().updateProperties().set(key, value).commit()

    def take_out(self, append: Snapshot, summary: Mapping[str, str]) -> None:
        java = self._java()
        all_changes = jvm(self.spark).org.apache.iceberg.SnapshotChanges.builderFor(java)
        removal = java.newDelete()
        for file in all_changes.snapshot(java.snapshot(append.id)).build().addedDataFiles().iterator():
            removal.deleteFile(file)
        for key, value in summary.items():
            removal.set(key, value)
        removal.validateFilesExist().commit()

    def put_back(self, rewrite: Snapshot) -> None:
        try:
            self._put_back(rewrite)
        except (PySparkException, Py4JJavaError) as error:
            if not is_conflict(error):
                raise
            raise RewriteConflict(f"{self.name}: rewrite {rewrite.id} is not put back: {error}") from error

    def _put_back(self, rewrite: Snapshot) -> None:
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
    marks = [_mark(value, column) for value, column in zip(values, columns, strict=True)]
    return F.xxhash64(*values, *(_packed(marks[i : i + MARKS_A_LONG]) for i in range(0, len(marks), MARKS_A_LONG)))


def _mark(value: Column, column: StructField) -> Column:
    """What `xxhash64` does not see: it skips a null, and takes -0.0 for 0.0."""
    mark = F.when(value.isNull(), 1)
    if isinstance(column.dataType, DoubleType | FloatType):
        mark = mark.when((value == 0) & (value.cast("string") == "-0.0"), 2)
    return mark.otherwise(0)


def _packed(marks: Sequence[Column]) -> Column:
    """Marks side by side in one long, the first in its lowest bits."""
    shifted = [F.shiftleft(mark.cast("bigint"), MARK_BITS * place) for place, mark in enumerate(marks)]
    return reduce(lambda one, other: one.bitwiseOR(other), shifted)


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
