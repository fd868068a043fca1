"""What one record holds, or why it is unreadable, by the same steps as in Spark (`soh_spark.decode`)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from soh.lake.columns.jackson import Kind, NotJson, Value, plain, read
from soh.specs import Field, FieldType, RecordSchema
from soh.specs.decoding import EPOCH, FIRST_TIME, LAST_TIME, MICROSECOND, Reason

LONGS = range(-(2**63), 2**63)

_PAIR = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}", re.IGNORECASE)
_SURROGATE = re.compile(r"\\ud[89a-f][0-9a-f]{2}", re.IGNORECASE)


class Judge:
    """Judges records of one schema, one at a time."""

    def __init__(self, schema: RecordSchema) -> None:
        self._schema = schema
        self._types = {spelling: field.type for field in schema.fields for spelling in field.spellings}
        self._has_texts = FieldType.STRING in self._types.values()
        self._earliest = (schema.earliest - EPOCH) // MICROSECOND
        self._ahead = schema.ahead // MICROSECOND

    def judge(self, value: bytes | None, offset: int, sent: int | None) -> tuple[dict[str, Any], str | None]:
        """The schema's fields by name, times in seconds since 1970, and no reason; or nothing and the reason.

        `sent` is the record's Kafka timestamp, in microseconds since 1970.
        """
        if not value:
            return {}, Reason.EMPTY
        if len(value) > self._schema.max_size:
            return {}, Reason.OVERSIZED
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return {}, Reason.NOT_UTF8
        record = self._record(text, offset, typed=True)
        if record is None:
            untyped = self._record(text, offset, typed=False)
            return {}, Reason.NOT_JSON if untyped is None else Reason.WRONG_TYPE
        members = {name: member for name, member in record.members if name in self._types}
        if any(self._types[name] is FieldType.STRING and not _is_text(member) for name, member in members.items()):
            return {}, Reason.WRONG_TYPE
        values = {field.name: _value(field, members) for field in self._schema.fields}
        reason = self._reason(values, text, sent)
        return ({}, reason) if reason else (values, None)

    def _record(self, text: str, offset: int, *, typed: bool) -> Value | None:
        """The object that `text` is; None when it is none, or has a value of a wrong type and they are asked for.

        It is read in the envelope of Spark's decoder: a text that ends the envelope itself is judged alike.
        """
        try:
            envelope = read(f'{{"record":{text},"end":{offset}}}', no_numbers=not typed)
        except NotJson:
            return None
        records = [value for name, value in envelope.members if name == "record"]
        ends = [value for name, value in envelope.members if name == "end"]
        if not all(record.kind in (Kind.OBJECT, Kind.NULL) for record in records):
            return None
        if not all(_fits(end, FieldType.LONG) for end in ends):
            return None
        if records[-1].kind is Kind.NULL or not ends or ends[-1].kind is Kind.NULL or int(ends[-1].text) != offset:
            return None
        return records[-1] if not typed or all(map(self._is_typed, records)) else None

    def _is_typed(self, record: Value) -> bool:
        return all(_fits(member, self._types[name]) for name, member in record.members if name in self._types)

    def _reason(self, values: Mapping[str, Any], text: str, sent: int | None) -> str | None:
        fields = self._schema.fields
        if any(self._is_beyond(field, values[field.name]) for field in fields):
            return Reason.WRONG_TYPE
        if self._has_texts and _has_lone_surrogate(text):
            return Reason.NOT_UTF8
        for field in fields:
            if field.required and values[field.name] is None:
                return f"{Reason.MISSING}_{field.name}"
        micros = _micros(values[self._schema.event_time])
        in_range = sent is not None and self._earliest <= micros <= float(sent + self._ahead)
        return None if in_range else Reason.EVENT_TIME_OUT_OF_RANGE

    def _is_beyond(self, field: Field, value: Any) -> bool:
        """The value is a number that the field's type cannot hold; the event time has bounds of its own."""
        match field.type:
            case FieldType.DOUBLE:
                return value is not None and math.isinf(value)
            case FieldType.EPOCH_SECONDS if field.name != self._schema.event_time:
                return value is not None and not FIRST_TIME <= _micros(value) <= LAST_TIME
            case _:
                return False


def _fits(value: Value, type_: FieldType) -> bool:
    """Whether Spark's reader takes the value; asked for a text, it takes what becomes a variant."""
    if value.kind is Kind.NULL:
        return True
    match type_:
        case FieldType.LONG:
            return value.kind is Kind.WHOLE and int(value.text) in LONGS
        case FieldType.DOUBLE | FieldType.EPOCH_SECONDS:
            return value.kind in (Kind.WHOLE, Kind.FRACTION)
        case FieldType.STRING:
            return not value.repeats


def _is_text(value: Value) -> bool:
    return value.kind in (Kind.TEXT, Kind.NULL)


def _value(field: Field, members: Mapping[str, Value]) -> Any:
    for spelling in field.spellings:
        member = members.get(spelling)
        if member and member.kind is not Kind.NULL:
            return _plain(member, field.type)
    return None


def _plain(value: Value, type_: FieldType) -> Any:
    match type_:
        case FieldType.LONG:
            return int(value.text)
        case FieldType.STRING:
            return plain(value.text)
        case _:
            # A whole -0 has no sign.
            return float(value.text) + 0.0 if value.kind is Kind.WHOLE else float(value.text)


def _micros(seconds: float) -> float:
    """Microseconds, whole ones unless they are infinite."""
    micros = seconds * 1_000_000
    return float(round(micros)) if math.isfinite(micros) else micros


def _has_lone_surrogate(text: str) -> bool:
    r"""Half of a character as an escape (`\ud800`)."""
    return _SURROGATE.search(_PAIR.sub("-", text.replace(r"\\", "-"))) is not None
