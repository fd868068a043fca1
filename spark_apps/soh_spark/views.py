"""Days of a table by facility and hour, and by facility and day, computed by Spark in one reading of their rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, reduce
from operator import or_

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DataType, DoubleType

from soh.lake.viewing import CLOSE
from soh.specs import ViewSpec
from soh.specs.views import GRADE
from soh_spark.lake_table import LakeTable
from soh_spark.schema import view_type


def summarise(spark: SparkSession, view: ViewSpec, snapshot: int, days: Collection[date]) -> SparkSummary:
    """Read `days` of the view's table at `snapshot` once, by facility and hour; to be closed."""
    rows = LakeTable(spark=spark, spec=view.of).at(snapshot).where(F.col("event_date").isin(*days))
    by_hour = _by_hour(rows, view).persist(StorageLevel.MEMORY_AND_DISK)
    return SparkSummary(spark, by_hour, tuple(days))


@dataclass
class SparkSummary:
    """A `soh.lake.engine.Summary` on Spark."""

    spark: SparkSession
    by_hour: DataFrame
    days: tuple[date, ...]

    @cached_property
    def counted(self) -> Mapping[date, int]:
        """Rows of the table that were read, by day."""
        rows = self.by_hour.groupBy("event_date").agg(F.sum("rows").alias("n")).collect()
        return {row["event_date"]: row["n"] for row in rows}

    def held(self, view: ViewSpec) -> tuple[int, int]:
        (found,) = self._there(view).agg(F.count("*").alias("n"), F.sum("rows").alias("counted")).collect()
        return found["n"], found["counted"] or 0

    def differs(self, view: ViewSpec) -> bool:
        return _differs(view, rows_of(view, self.by_hour), self._there(view))

    def write(self, view: ViewSpec, summary: Mapping[str, str]) -> None:
        rows = rows_of(view, self.by_hour).repartition("event_date")
        writer = rows.sortWithinPartitions("event_date", *view.keys[1:]).writeTo(view.identifier)
        for key, value in summary.items():
            writer = writer.option(f"snapshot-property.{key}", value)
        writer.overwrite(F.col("event_date").isin(*self.days))

    def close(self) -> None:
        self.by_hour.unpersist()

    def _there(self, view: ViewSpec) -> DataFrame:
        return self.spark.table(view.identifier).where(F.col("event_date").isin(*self.days))


def _by_hour(rows: DataFrame, view: ViewSpec) -> DataFrame:
    """Counts, sums, least and greatest, from which every grain follows."""
    names = [field.name for field in view.measurements]
    values = [
        part
        for name in names
        for part in (
            F.count(name).alias(f"{name}_n"),
            F.sum(name).alias(f"{name}_sum"),
            F.min(name).alias(f"{name}_min"),
            F.max(name).alias(f"{name}_max"),
        )
    ]
    states = [F.count_if(F.col(GRADE) == state.value).alias(state.value) for state in view.states]
    return rows.groupBy("event_date", "facility_id", F.date_trunc("hour", "event_time").alias("hour_start")).agg(
        F.count("*").alias("rows"),
        F.min("event_time").alias("first_time"),
        F.max("event_time").alias("last_time"),
        *values,
        *states,
    )


def rows_of(view: ViewSpec, by_hour: DataFrame) -> DataFrame:
    """The rows of `view`, with its columns."""
    statistics: list[Column] = []
    for field in view.measurements:
        name = field.name
        statistics += [
            # Nothing was measured where the count is 0, and a division by it would end the app.
            F.try_divide(F.sum(f"{name}_sum"), F.sum(f"{name}_n")).alias(f"{name}_mean"),
            F.min(f"{name}_min").alias(f"{name}_min"),
            F.max(f"{name}_max").alias(f"{name}_max"),
        ]
    counts = [F.sum(name).alias(name) for name in ("rows", *(state.value for state in view.states))]
    times = [F.min("first_time").alias("first_time"), F.max("last_time").alias("last_time")]
    return by_hour.groupBy(*view.keys).agg(*counts, *times, *statistics).select(*view_type(view).names)


def _differs(view: ViewSpec, rows: DataFrame, there: DataFrame) -> bool:
    types = {column.name: column.dataType for column in view_type(view)}
    new, old = rows.alias("new"), there.alias("old")
    together = new.join(old, [F.col(f"new.{key}") == F.col(f"old.{key}") for key in view.keys], "full_outer")
    others = [~_same(F.col(f"new.{name}"), F.col(f"old.{name}"), types[name]) for name in rows.columns]
    return not together.where(reduce(or_, others)).isEmpty()


def _same(new: Column, old: Column, type_: DataType) -> Column:
    same = new.eqNullSafe(old)
    if isinstance(type_, DoubleType):
        same = same | (new.isNotNull() & old.isNotNull() & (F.abs(new - old) <= CLOSE * F.abs(new)))
    return same
