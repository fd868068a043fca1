"""Kafka records into columns of the lake without Spark, each judged exactly as `soh_spark.decode` judges it.

What a fast reader can vouch for is read by the thousand, any other record is judged by itself. No bytes whatever raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import polars as pl

from soh.lake.columns.jackson import MOST_DIGITS
from soh.lake.columns.judgement import LONGS, Judge
from soh.specs import FieldType, RecordSchema
from soh.specs.decoding import EPOCH, FIRST_TIME, LAST_TIME, MICROSECOND

_AT_ONCE = 50_000
"""Records whose values are Python's objects at the same time."""

_TYPES: Mapping[FieldType, tuple[Any, type[pl.DataType]]] = {
    FieldType.LONG: (Annotated[int, msgspec.Meta(ge=LONGS[0], le=LONGS[-1])], pl.Int64),
    FieldType.DOUBLE: (float, pl.Float64),
    FieldType.STRING: (str, pl.String),
    FieldType.EPOCH_SECONDS: (float, pl.Float64),
}
"""Of a value as it came: for the fast reader, and as a column."""

_TIMESTAMP = pl.Datetime("us", "UTC")
_PLACE_IN_KAFKA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "partition": pl.Int32,
    "offset": pl.Int64,
    "timestamp": _TIMESTAMP,
}

# Beside fields, whose spellings have no zero byte.
_ROW, _SENT, _REASON = "\0row", "\0sent", "\0reason"


def decode(records: pl.DataFrame, schema: RecordSchema, time_zone: str) -> pl.DataFrame:
    """Read `records` by `schema`; local days are those of `time_zone`.

    `records` has `partition`, `offset`, `timestamp` (UTC, microseconds) and `value` (bytes), and may have further
    columns. The result has a row per record, in their order: the schema's fields, the place columns of the lake,
    `reason`, null when the record is readable, `raw`, the value of one that is not, and the further columns. Of two
    spellings of a field in one record the English one counts, of a key that comes twice the last.
    """
    reader = _Reader(schema)
    read = pl.concat([reader.read(part) for part in records.iter_slices(_AT_ONCE)] or [reader.read(records)])
    fields = read.select(
        _time(field.name) if field.type is FieldType.EPOCH_SECONDS else field.name for field in schema.fields
    )
    day = pl.col(schema.event_time).dt.convert_time_zone(time_zone).dt.date().alias("event_date")
    kafka = [pl.col(name).cast(type_).alias(f"kafka_{name}") for name, type_ in _PLACE_IN_KAFKA.items()]
    reason = read[_REASON].alias("reason")
    raw = pl.when(reason.is_not_null()).then("value").alias("raw")
    return fields.with_columns(day).hstack(records.select(*kafka, reason, raw, pl.exclude(*_PLACE_IN_KAFKA, "value")))


class _Reader:
    """Reads fields as they came, times in seconds since 1970."""

    def __init__(self, schema: RecordSchema) -> None:
        self._schema = schema
        self._judge = Judge(schema)
        self._types = {spelling: _TYPES[field.type] for field in schema.fields for spelling in field.spellings}
        members = [
            (f"f{number}", type_ | None, msgspec.field(name=spelling, default=None))
            for number, (spelling, (type_, _)) in enumerate(self._types.items())
        ]
        # The reader does not look into the text of a member that it does not know.
        record = msgspec.defstruct("Record", members, forbid_unknown_fields=True, gc=False)
        self._decode = msgspec.json.Decoder(record).decode
        # It takes a number of any length.
        self._longest = min(schema.max_size, MOST_DIGITS)

    def read(self, records: pl.DataFrame) -> pl.DataFrame:
        """The fields of each record, and why it is unreadable."""
        numbered = records.with_row_index(_ROW)
        vouched = self._vouched(numbered)
        rest = numbered.join(vouched, on=_ROW, how="anti")
        return pl.concat([vouched, self._judged(rest)]).sort(_ROW) if rest.height else vouched

    def _vouched(self, records: pl.DataFrame) -> pl.DataFrame:
        """Records that are readable beyond doubt."""
        read, rows = [], []
        for row, value in enumerate(records["value"].to_list()):
            if value and len(value) <= self._longest:
                try:
                    read.append(self._decode(value))
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    continue
                rows.append(row)
        columns = [
            pl.Series(spelling, list(map(attrgetter(f"f{number}"), read)), type_)
            for number, (spelling, (_, type_)) in enumerate(self._types.items())
        ]
        fields = [pl.coalesce(*field.spellings).alias(field.name) for field in self._schema.fields]
        found = records[rows].select(_ROW, pl.col("timestamp").alias(_SENT)).hstack(columns)
        readable = found.select(_ROW, _SENT, *fields).filter(self._are_readable()).drop(_SENT)
        return readable.with_columns(pl.lit(None, pl.String).alias(_REASON))

    def _are_readable(self) -> list[pl.Expr]:
        schema = self._schema
        required = [pl.col(field.name).is_not_null() for field in schema.fields if field.required]
        times = [
            _time(field.name).is_null() == pl.col(field.name).is_null()
            for field in schema.fields
            if field.type is FieldType.EPOCH_SECONDS and field.name != schema.event_time
        ]
        latest = (pl.col(_SENT).dt.epoch("us") + schema.ahead // MICROSECOND).cast(pl.Float64)
        in_range = _micros(schema.event_time).is_between((schema.earliest - EPOCH) // MICROSECOND, latest)
        return [*required, *times, in_range]

    def _judged(self, records: pl.DataFrame) -> pl.DataFrame:
        """Records that have to be looked at one by one."""
        rows = []
        for row, *record in records.select(_ROW, "value", "offset", pl.col("timestamp").dt.epoch("us")).iter_rows():
            values, reason = self._judge.judge(*record)
            rows.append([row, *(values.get(field.name) for field in self._schema.fields), reason])
        fields = {field.name: self._types[field.name][1] for field in self._schema.fields}
        return pl.DataFrame(rows, {_ROW: pl.get_index_type(), **fields, _REASON: pl.String}, orient="row")


def _micros(name: str) -> pl.Expr:
    """Microseconds since 1970, whole ones, of a column of seconds."""
    return (pl.col(name) * 1_000_000).round(mode="half_to_even")


def _time(name: str) -> pl.Expr:
    """The time of a column of seconds; null outside the years that dates can have."""
    micros = _micros(name).cast(pl.Int64, strict=False)
    return pl.when(micros.is_between(FIRST_TIME, LAST_TIME)).then(micros).cast(_TIMESTAMP).alias(name)
