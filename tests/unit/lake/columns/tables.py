"""Small tables of the lake, filled as a stream would: one file a commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import jpype
import polars as pl

from soh.lake.columns.engine import ColumnsEngine
from soh.lake.columns.files import DTYPES, File, read_file, write_file
from soh.lake.columns.table import ColumnsTable
from soh.specs import TableSpec

DAY = date(2026, 5, 1)
NEXT_DAY = date(2026, 5, 2)
SENT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass
class Lake:
    """One table, and the engine with which it is worked on."""

    engine: ColumnsEngine
    spec: TableSpec

    @property
    def table(self) -> ColumnsTable:
        return self.engine.table(self.spec)

    def rows(self, first_offset: int, rows: int = 10, day: date = DAY) -> pl.DataFrame:
        """Readings of five facilities at consecutive offsets; some values null or -0.0."""
        places = list(range(first_offset, first_offset + rows))
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        values = {
            field.name: [(None, -0.0, n + place + 0.5, n + place + 0.5)[place % 4] for place in places]
            for n, field in enumerate(self.spec.schema.measurements)
        }
        made = {
            "facility_id": [place % 5 + 1000 for place in places],
            "seq": places,
            "event_time": [begin + timedelta(seconds=place) for place in places],
            "cycle": places,
            **values,
            "event_date": [day] * rows,
            "kafka_partition": [0] * rows,
            "kafka_offset": places,
            "kafka_timestamp": [SENT] * rows,
        }
        columns = self.table.columns(self.table.load())
        return pl.DataFrame(
            {column.name: made.get(column.name, [None] * rows) for column in columns},
            schema={column.name: DTYPES[column.type] for column in columns},
        )

    def written(self, rows: pl.DataFrame, day: date = DAY) -> File:
        java = self.table.load()
        return write_file(java, day, rows, self.table.columns(java))

    def append(self, first_offset: int, rows: int = 10, day: date = DAY) -> None:
        self.table.append([self.written(self.rows(first_offset, rows, day), day)], {})

    def replace_day(self, rows: pl.DataFrame) -> int:
        """Commit a rewrite of DAY that leaves `rows`, what a broken rewrite would do; returns its snapshot."""
        java = self.table.load()
        change = java.newRewrite()
        for file in self.table.files_at(None, [DAY]):
            change.deleteFile(file.java)
        change.addFile(self.written(rows).java)
        change.commit()
        return int(self.table.load().currentSnapshot().snapshotId())

    def read(self, day: date = DAY) -> pl.DataFrame:
        """All rows of a day, file after file, in their order."""
        java = self.table.load()
        columns = self.table.columns(java)
        return pl.concat(read_file(java.io(), file, columns) for file in self.table.files_at(None, [day]))

    def offsets(self, *days: date) -> list[int]:
        return sorted(place for day in days or (DAY,) for place in self.read(day)["kafka_offset"])


def delete(lake: Lake, file: File) -> None:
    java = lake.table.load()
    java.newDelete().deleteFile(file.java).commit()


def null() -> object:
    return jpype.JObject(None)
