"""Landed grades as columns: read object by object, each record once, decoded as the streams decode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import polars as pl

from soh.errors import ServerUnreachable
from soh.lake.columns.decode import decode
from soh.lake.columns.files import delete_files, must_hold, write_file
from soh.lake.columns.hashing import content
from soh.lake.columns.table import ColumnsTable
from soh.lake.content import Content
from soh.lake.engine import SORTED_BY
from soh.lake.folding import Gap, Positions
from soh.lake.landing import LandedRecord, Landing, Unreadable
from soh.specs import TableSpec
from soh.specs.landing import LandedObject

_AT_ONCE = 100_000
"""Records that are decoded together: their text is let go before the next come."""

_RECORDS = {
    "partition": pl.Int32(),
    "offset": pl.Int64(),
    "timestamp": pl.Datetime("us", "UTC"),
    "value": pl.Binary(),
    "copies": pl.Int64(),
}


def read_landed(
    table: ColumnsTable,
    spec: TableSpec,
    landing: Landing,
    objects: Sequence[LandedObject],
    start: Positions,
    end: Positions | None,
) -> ColumnsBatch:
    """Read and decode records of `objects` from `start` on, up to `end` where it is given."""
    parts = [_decoded(_once([]), spec)]
    for together in _apart(objects):
        found = [
            record
            for landed in together
            for record in landing.records(landed)
            if record.offset >= start[record.partition]
            and (end is None or record.offset < end.get(record.partition, 0))
        ]
        parts.append(_decoded(_once(found), spec))
    return ColumnsBatch(table=table, rows=pl.concat(parts))


def _apart(objects: Sequence[LandedObject]) -> Iterator[list[LandedObject]]:
    """Objects in groups of some records; objects that share offsets are in one group."""
    group: list[LandedObject] = []
    held, reach = 0, (-1, -1)
    for landed in sorted(objects, key=lambda found: (found.partition, found.first, found.last)):
        if held >= _AT_ONCE and (landed.partition, landed.first) > reach:
            yield group
            group, held = [], 0
        group.append(landed)
        held += landed.last - landed.first + 1
        reach = max(reach, (landed.partition, landed.last))
    if group:
        yield group


def _once(found: Sequence[LandedRecord]) -> pl.DataFrame:
    """One row for each partition and offset, in their order, and how many there were.

    The least, so that it is the same row whenever it is asked for, should two of one offset ever differ.
    """
    rows = pl.DataFrame(
        {
            "partition": [record.partition for record in found],
            "offset": [record.offset for record in found],
            "timestamp": pl.Series([record.timestamp * 1000 for record in found], dtype=pl.Int64),
            "value": [record.value for record in found],
        },
        schema={"partition": pl.Int32, "offset": pl.Int64, "timestamp": pl.Int64, "value": pl.Binary},
    ).with_columns(pl.col("timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    least = [pl.col(name).min() for name in ("timestamp", "value")]
    once = rows.group_by("partition", "offset").agg(*least, pl.len().cast(pl.Int64).alias("copies"))
    return once.sort("partition", "offset").cast(dict(_RECORDS))  # type: ignore[arg-type]


def _decoded(records: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    return decode(records, spec.schema, spec.time_zone)


@dataclass
class ColumnsBatch:
    """A `soh.lake.engine.Batch` on columns."""

    table: ColumnsTable
    rows: pl.DataFrame
    """Columns of the table, `reason`, `raw` where there is a reason, and `copies`; by partition and offset."""

    @cached_property
    def last(self) -> Mapping[int, int]:
        return dict(self.rows.group_by("kafka_partition").agg(pl.col("kafka_offset").max()).iter_rows())

    @cached_property
    def records(self) -> Mapping[int, int]:
        return dict(self.rows.group_by("kafka_partition").len().iter_rows())

    @cached_property
    def duplicates(self) -> int:
        return int((self.rows["copies"] - 1).sum())

    @cached_property
    def reasons(self) -> Mapping[str, int]:
        return dict(self.rows.filter(pl.col("reason").is_not_null()).group_by("reason").len().iter_rows())

    @property
    def _readable(self) -> pl.DataFrame:
        return self.rows.filter(pl.col("reason").is_null())

    def gaps(self, start: Positions, at_most: int) -> tuple[Gap, ...]:
        expected = pl.col("kafka_offset").shift(1).over("kafka_partition") + 1
        begin = pl.col("kafka_partition").cast(pl.Int64).replace_strict(dict(start), return_dtype=pl.Int64)
        places = self.rows.select("kafka_partition", "kafka_offset").sort("kafka_partition", "kafka_offset")
        found = places.with_columns(expected=pl.coalesce(expected, begin))
        found = found.filter(pl.col("kafka_offset") > pl.col("expected")).head(at_most)
        return tuple(
            Gap(partition=partition, first=first, last=offset - 1) for partition, offset, first in found.iter_rows()
        )

    def unreadable(self) -> Iterator[Unreadable]:
        columns = ("kafka_partition", "kafka_offset", "kafka_timestamp", "raw", "reason")
        rows = self.rows.filter(pl.col("reason").is_not_null()).select(columns).sort(columns[:2])
        for partition, offset, timestamp, raw, reason in rows.iter_rows():
            yield Unreadable(
                partition=partition, offset=offset, timestamp=_millis(timestamp), value=raw or b"", reason=reason
            )

    @cached_property
    def _content(self) -> Content:
        java = self.table.load()
        return content(self._readable, self._names(java))

    def content(self) -> Content:
        return self._content

    def append(self, summary: Mapping[str, str]) -> None:
        java = self.table.load()
        columns, written = self.table.columns(java), []
        try:
            for (day,), rows in self._readable.group_by("event_date", maintain_order=True):
                written.append(write_file(java, day, rows.sort(SORTED_BY), columns))
            names = [column.name for column in columns]
            reader = self.table.reader(java)
            must_hold(written, self._content, self.table.looks.content(written, names, self.table.spec, reader))
        except ServerUnreachable:
            # What was written stays behind, in no commit: a store that is away deletes nothing either.
            raise
        except BaseException:
            delete_files(java.io(), written)
            raise
        self.table.append(written, summary)

    def _names(self, java: object) -> list[str]:
        there = set(self.rows.columns)
        return [column.name for column in self.table.columns(java) if column.name in there]

    def close(self) -> None:
        """Nothing is held but memory."""


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
