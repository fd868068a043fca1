"""Views: a day of a table by facility and hour, and by facility and day, computed in one reading of its rows."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from operator import or_

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DataType, DoubleType

from soh.errors import ProofFailed
from soh.specs import ViewSpec
from soh.specs.views import GRADE, Grain
from soh_spark.content import shortened
from soh_spark.housekeeping import expire_snapshots, expiry_is_due
from soh_spark.lake_table import LakeTable
from soh_spark.schema import ensure_table, view_type

log = logging.getLogger(__name__)

SOURCE = "soh.source-snapshot"
"""Key in the summary of a view's snapshot: the snapshot of the table that was read."""

_CLOSE = 1e-9
"""Means that differ by less than this share are equal: a sum depends on the order in which files are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """Figures of one view."""

    view: str
    days: tuple[date, ...]
    refreshed: bool
    rows: int
    """Of the view, for these days."""
    source_rows: int
    """Of the table, for these days; what the rows of the view count adds up to it."""
    verdict: str


def refresh(table: LakeTable, views: Sequence[ViewSpec], days: Collection[date], now: datetime) -> list[Refreshed]:
    """Bring `views` of `table` up to date for `days`, each in one commit that replaces those days and no others.

    A view whose rows are right already is left alone. Raises ProofFailed when the rows that a view counts are not
    those that the table's own metadata counts; nothing is written then.
    """
    if not views:
        return []
    exists = table.exists()
    for view in views if exists else ():
        # Before there is anything to view, so that whoever asks for it is told so.
        ensure_table(table.spark, view)
    chain = table.chain() if exists else []
    if not chain:
        nothing = f"nothing to do: {table.name} holds nothing"
        return [_told(view, days, 0, 0, refreshed=False, verdict=nothing) for view in views]
    source = chain[0].id
    by_hour = _by_hour(table.at(source).where(F.col("event_date").isin(*days)), views[0])
    by_hour = by_hour.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        counted = _prove(table, source, by_hour, days)
        return [_refresh(table, view, by_hour, days, _Source(snapshot=source, rows=counted, now=now)) for view in views]
    finally:
        by_hour.unpersist()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What all views of one refresh have in common."""

    snapshot: int
    rows: int
    """Of the table, for the days."""
    now: datetime


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


def _keys(view: ViewSpec) -> list[str]:
    """The columns that tell one row of the view from the others."""
    return ["event_date", "facility_id", *(["hour_start"] if view.grain is Grain.HOUR else [])]


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
    return by_hour.groupBy(*_keys(view)).agg(*counts, *times, *statistics).select(*view_type(view).names)


def _prove(table: LakeTable, source: int, by_hour: DataFrame, days: Collection[date]) -> int:
    """How many rows of the table were counted. Raises ProofFailed when its metadata count others."""
    counted = {
        row["event_date"]: row["n"] for row in by_hour.groupBy("event_date").agg(F.sum("rows").alias("n")).collect()
    }
    wanted = table.rows_by_day(source, days)
    wrong = [
        f"{day}: {counted.get(day, 0):,} rows counted, {wanted.get(day, 0):,} in its files"
        for day in sorted(counted.keys() | wanted.keys())
        if counted.get(day, 0) != wanted.get(day, 0)
    ]
    if wrong:
        raise ProofFailed(
            f"views of {table.name}: the rows that were read at snapshot {source} are not those that the table "
            f"has; no view is changed: {shortened(wrong)}"
        )
    return sum(counted.values())


def _refresh(
    table: LakeTable, view: ViewSpec, by_hour: DataFrame, days: Collection[date], source: _Source
) -> Refreshed:
    rows = rows_of(view, by_hour)
    there = table.spark.table(view.identifier).where(F.col("event_date").isin(*days)).select(*rows.columns)
    found, counted = _size(there)
    # Most nights are about a day that has no rows yet: then nothing need be compared.
    if counted == source.rows and (not counted or not _differs(view, rows, there)):
        return _told(view, days, found, source.rows, refreshed=False, verdict="nothing to do: up to date")
    writer = rows.repartition("event_date").sortWithinPartitions("event_date", "facility_id").writeTo(view.identifier)
    writer.option(f"snapshot-property.{SOURCE}", str(source.snapshot)).overwrite(F.col("event_date").isin(*days))
    written, counted = _size(there)
    if counted != source.rows:
        raise ProofFailed(
            f"view {view.identifier} counts {counted:,} rows of {table.name} after its refresh, which has "
            f"{source.rows:,}; look for a second writer, and run it again"
        )
    written_to = LakeTable(spark=table.spark, spec=view)
    if expiry_is_due(written_to, source.now):
        expire_snapshots(written_to, source.now)
    verdict = f"{written:,} rows over {source.rows:,} of {table.spec.name}"
    return _told(view, days, written, source.rows, refreshed=True, verdict=verdict)


def _size(rows: DataFrame) -> tuple[int, int]:
    """How many rows there are, and how many of the table they count."""
    (found,) = rows.agg(F.count("*").alias("n"), F.coalesce(F.sum("rows"), F.lit(0)).alias("counted")).collect()
    return found["n"], found["counted"]


def _differs(view: ViewSpec, rows: DataFrame, there: DataFrame) -> bool:
    types = {column.name: column.dataType for column in view_type(view)}
    new, old = rows.alias("new"), there.alias("old")
    together = new.join(old, [F.col(f"new.{key}") == F.col(f"old.{key}") for key in _keys(view)], "full_outer")
    others = [~_same(F.col(f"new.{name}"), F.col(f"old.{name}"), types[name]) for name in rows.columns]
    return not together.where(reduce(or_, others)).isEmpty()


def _same(new: Column, old: Column, type_: DataType) -> Column:
    same = new.eqNullSafe(old)
    if isinstance(type_, DoubleType):
        same = same | (new.isNotNull() & old.isNotNull() & (F.abs(new - old) <= _CLOSE * F.abs(new)))
    return same


def _told(
    view: ViewSpec, days: Collection[date], rows: int, source_rows: int, *, refreshed: bool, verdict: str
) -> Refreshed:
    log.info("%s: %s", view.name, verdict)
    return Refreshed(
        view=view.name,
        days=tuple(sorted(days)),
        refreshed=refreshed,
        rows=rows,
        source_rows=source_rows,
        verdict=verdict,
    )
