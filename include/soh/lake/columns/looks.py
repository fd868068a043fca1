"""What data files hold, found in one reading of each: files never change, so that nothing is read twice in a night."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from soh.lake.columns.files import File
from soh.lake.columns.hashing import content
from soh.lake.content import Content, Sums
from soh.specs import TableSpec, ViewSpec
from soh.specs.views import GRADE, states_of

Reader = Callable[[File], pl.DataFrame]
"""Reads a file of a table, with all columns that the table has."""

PLACE = ("kafka_partition", "kafka_offset")


@dataclass
class Looks:
    """What was found so far, by the path of a file."""

    contents: dict[tuple[str, tuple[str, ...]], Content] = field(default_factory=dict)
    hours: dict[str, pl.DataFrame] = field(default_factory=dict)
    places: dict[str, pl.DataFrame] = field(default_factory=dict)

    def content(
        self, files: Collection[File], names: Sequence[str], spec: TableSpec | ViewSpec, read: Reader
    ) -> Content:
        """What `files` hold together, over the columns `names`."""
        columns, total = tuple(names), dict[tuple[date, int], Sums]()
        for file in files:
            if (file.path, columns) not in self.contents:
                self._look(file, columns, spec, read)
            add(total, self.contents[file.path, columns])
        return total

    def by_hour(self, files: Collection[File], spec: TableSpec, read: Reader) -> list[pl.DataFrame]:
        """Each file by facility and hour."""
        for file in files:
            if file.path not in self.hours:
                self._look(file, None, spec, read)
        return [self.hours[file.path] for file in files]

    def duplicates(self, files: Collection[File], spec: TableSpec | ViewSpec, read: Reader) -> int:
        """Rows beyond the first of each Kafka record."""
        for file in files:
            if file.path not in self.places:
                self._look(file, None, spec, read)
        rows = pl.concat([self.places[file.path] for file in files]) if files else pl.DataFrame()
        return rows.height - rows.n_unique() if rows.height else 0

    def _look(self, file: File, names: tuple[str, ...] | None, spec: TableSpec | ViewSpec, read: Reader) -> None:
        rows = read(file)
        columns = names or tuple(rows.columns)
        self.contents[file.path, columns] = content(rows, columns)
        if isinstance(spec, TableSpec):
            self.places[file.path] = rows.select(PLACE)
            self.hours[file.path] = by_hour(rows, spec)


def add(total: dict[tuple[date, int], Sums], more: Content) -> None:
    """Add sums to those that there are."""
    for key, sums in more.items():
        total[key] = total[key] + sums if key in total else sums


def by_hour(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Counts, sums, least and greatest by facility and hour, from which every grain of a view follows."""
    names = [field.name for field in spec.schema.measurements]
    values = [
        part
        for name in names
        for part in (
            pl.col(name).count().cast(pl.Int64).alias(f"{name}_n"),
            pl.col(name).sum().alias(f"{name}_sum"),
            pl.col(name).min().alias(f"{name}_min"),
            pl.col(name).max().alias(f"{name}_max"),
        )
    ]
    states = [(pl.col(GRADE) == state.value).sum().cast(pl.Int64).alias(state.value) for state in states_of(spec)]
    hour = pl.col("event_time").dt.truncate("1h").alias("hour_start")
    return rows.group_by("event_date", "facility_id", hour).agg(
        pl.len().cast(pl.Int64).alias("rows"),
        pl.col("event_time").min().alias("first_time"),
        pl.col("event_time").max().alias("last_time"),
        *values,
        *states,
    )
