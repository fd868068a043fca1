"""Days of a table by facility and hour, and by facility and day, computed from the columns of their files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from soh.lake.columns.files import DTYPES, read_file, write_file
from soh.lake.columns.looks import by_hour
from soh.lake.columns.table import ColumnsTable
from soh.lake.schema import columns_of
from soh.lake.viewing import CLOSE
from soh.specs import TableSpec, ViewSpec


def summarise(
    view: ViewSpec, snapshot: int, days: Collection[date], opened: Callable[[TableSpec | ViewSpec], ColumnsTable]
) -> ColumnsSummary:
    """Read `days` of the view's table at `snapshot` once, file by file; `opened` gives tables by their declaration."""
    table = opened(view.of)
    java = table.load()
    columns = table.columns(java)
    nothing = pl.DataFrame(schema={column.name: DTYPES[column.type] for column in columns})
    parts = [by_hour(nothing, view.of)]
    parts += table.looks.by_hour(table.files_at(snapshot, days), view.of, table.reader(java))
    return ColumnsSummary(by_hour=pl.concat(parts), days=tuple(sorted(days)), opened=opened)


@dataclass
class ColumnsSummary:
    """A `soh.lake.engine.Summary` on columns."""

    by_hour: pl.DataFrame
    """Counts, sums, least and greatest by file, facility and hour, from which every grain follows."""
    days: tuple[date, ...]
    opened: Callable[[TableSpec | ViewSpec], ColumnsTable]

    @cached_property
    def counted(self) -> Mapping[date, int]:
        """Rows of the table that were read, by day."""
        return dict(self.by_hour.group_by("event_date").agg(pl.col("rows").sum()).iter_rows())

    def held(self, view: ViewSpec) -> tuple[int, int]:
        found = self._there(view)
        return found.height, int(found["rows"].sum())

    def differs(self, view: ViewSpec) -> bool:
        keys = view.keys
        new, old = rows_of(view, self.by_hour), self._there(view)
        both = new.join(old, on=keys, how="inner", suffix=":old")
        if not new.height == old.height == both.height:
            return True
        others = [name for name in new.columns if name not in keys]
        return not both.select(pl.all_horizontal(_same(name, new.schema[name]) for name in others).all()).item()

    def write(self, view: ViewSpec, summary: Mapping[str, str]) -> None:
        table = self.opened(view)
        java = table.load()
        columns = table.columns(java)
        rows = rows_of(view, self.by_hour).sort(view.keys)
        lacking = [pl.lit(None, DTYPES[c.type]).alias(c.name) for c in columns if c.name not in rows.columns]
        files = [
            write_file(java, day, part.with_columns(lacking), columns)
            for day in self.days
            if (part := rows.filter(pl.col("event_date") == day)).height
        ]
        table.replace_days(self.days, files, summary)

    def close(self) -> None:
        """Nothing is held but memory."""

    def _there(self, view: ViewSpec) -> pl.DataFrame:
        table = self.opened(view)
        java = table.load()
        columns = list(columns_of(view))
        nothing = pl.DataFrame(schema={column.name: DTYPES[column.type] for column in columns})
        files = table.files_at(None, self.days)
        return pl.concat([nothing, *(read_file(java.io(), file, columns) for file in files)])


def rows_of(view: ViewSpec, by_hour: pl.DataFrame) -> pl.DataFrame:
    """The rows of `view`, with its columns."""
    statistics = []
    for field in view.measurements:
        name = field.name
        counted = pl.col(f"{name}_n").sum()
        statistics += [
            pl.when(counted > 0).then(pl.col(f"{name}_sum").sum() / counted).alias(f"{name}_mean"),
            pl.col(f"{name}_min").min(),
            pl.col(f"{name}_max").max(),
        ]
    counts = [pl.col(name).sum() for name in ("rows", *(state.value for state in view.states))]
    times = [pl.col("first_time").min(), pl.col("last_time").max()]
    rows = by_hour.group_by(view.keys).agg(*counts, *times, *statistics)
    return rows.select(column.name for column in columns_of(view))


def _same(name: str, dtype: pl.DataType) -> pl.Expr:
    new, old = pl.col(name), pl.col(f"{name}:old")
    same = new.eq_missing(old)
    if dtype == pl.Float64:
        same = same | ((new - old).abs() <= CLOSE * new.abs()).fill_null(value=False)
    return same
