"""From a grade on Kafka to a point of the time-series database; the decision, no input or output here."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from influxdb.line_protocol import make_line

from soh.errors import BadInput
from soh.serving.records import Origin
from soh.specs.fleets import FleetSpec
from soh.specs.models import State
from soh.specs.schemas import Field, FieldType
from soh.specs.tsdb import MEASUREMENT, RETENTION

_LONGS = range(-(2**63), 2**63)
_SOURCE_TIME = "source_time"
_SENT_AT = "sent_at"
"""What the source's time is called in the database: when the reading was sent, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One grade as the time-series database takes it."""

    origin: Origin
    time: int
    """Of the reading, in microseconds since 1970."""
    line: str
    """In InfluxDB's line protocol, with its time in microseconds."""


class ScoreReader:
    """Reads the grades of one fleet."""

    def __init__(self, fleet: FleetSpec) -> None:
        assert fleet.scores.schema is not None
        self._fleet = fleet
        self._schema = fleet.scores.schema
        self._states = {*fleet.states, State.IDLE, State.UNKNOWN}
        self._earliest = _microseconds_of(self._schema.earliest)
        self._fields = [
            field for field in self._schema.fields if field.name not in (self._schema.key, self._schema.event_time)
        ]

    def read(self, value: bytes | None, origin: Origin, kafka_time: int) -> Point:
        """Check a record and turn it into a point; `kafka_time` in milliseconds since 1970.

        A measurement that is null is left out of the point. Raises BadInput that names the field.
        """
        record = self._parsed(value)
        facility = _value(record, self._schema.field(self._schema.key))
        time = _value(record, self._schema.field(self._schema.event_time))
        latest = kafka_time * 1000 + self._schema.ahead // timedelta(microseconds=1)
        if not self._earliest <= time <= latest:
            raise BadInput(f"timestamp {time / 1e6:f} is before {self._schema.earliest:%Y} or too far ahead")
        fields = {field.wire_name: _value(record, field) for field in self._fields}
        if fields["pred"] not in self._states:
            raise BadInput(f"pred is {fields['pred']!r}; {self._fleet.name} has {sorted(self._states)}")
        fields[_SENT_AT] = fields.pop(_SOURCE_TIME) // 1000
        line = make_line(MEASUREMENT, tags={"fleet": self._fleet.name, "sensor_id": facility}, fields=fields, time=time)
        return Point(origin=origin, time=time, line=_encodable(line))

    def _parsed(self, value: bytes | None) -> Mapping[str, Any]:
        if not value or len(value) > self._schema.max_size:
            raise BadInput(f"{len(value or b'')} bytes; between 1 and {self._schema.max_size} are a grade")
        try:
            record = json.loads(value, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"no JSON: {error}") from None
        if not isinstance(record, dict):
            raise BadInput(f"no JSON object but {type(record).__name__}")
        return record


def expired(time: int, now: float) -> bool:
    """Tell whether the database would refuse a point at `time` (microseconds) for its age; `now` in seconds."""
    return time < (now - RETENTION.total_seconds()) * 1e6


def _value(record: Mapping[str, Any], field: Field) -> Any:
    """Value of a field: int for LONG, microseconds for EPOCH_SECONDS, float, str or None."""
    value = record.get(field.wire_name)
    if value is None:
        if field.required:
            raise BadInput(f"{field.wire_name} is missing")
        return None
    match field.type:
        case FieldType.STRING if isinstance(value, str) and value:
            return value
        case FieldType.LONG if type(value) is int and value in _LONGS:
            return value
        case FieldType.DOUBLE if _finite(value):
            return float(value)
        case FieldType.EPOCH_SECONDS if _finite(value) and abs(value) < _LONGS.stop / 1e6:
            return round(value * 1e6)
    raise BadInput(f"{field.wire_name} is {str(value)[:40]!r}, which is no {field.type}")


def _finite(value: object) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    except OverflowError:
        return False


def _encodable(line: str) -> str:
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"no text: {error}") from None
    return line


def _microseconds_of(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")
