"""From a grade on Kafka to a point of the time-series database; the decision, no input or output here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from influxdb.line_protocol import quote_ident

from soh.errors import BadInput
from soh.serving.records import Origin
from soh.specs.fleets import FleetSpec
from soh.specs.models import State
from soh.specs.schemas import Field, FieldType, RecordSchema
from soh.specs.tsdb import MEASUREMENT, RETENTION

_SOURCE_TIME = "source_time"
_SENT_AT = "sent_at"
"""What the source's time is called in the database: when the reading was sent, in milliseconds."""

_LONGEST = 2.0**63 / 1e6
"""Seconds whose microseconds are a 64-bit number."""
_TYPES: dict[FieldType, Any] = {
    FieldType.LONG: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    FieldType.DOUBLE: float,
    FieldType.STRING: Annotated[str, msgspec.Meta(min_length=1)],
    FieldType.EPOCH_SECONDS: Annotated[float, msgspec.Meta(gt=-_LONGEST, lt=_LONGEST)],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One grade as the time-series database takes it."""

    origin: Origin
    time: int
    """Of the reading, in microseconds since 1970."""
    line: str
    """In InfluxDB's line protocol, with its time in microseconds."""


class ScoreReader:
    """Reads the grades of one fleet.

    Thousands come a second, so that they are read by their types in one go, and lines are put together here: the
    database's client takes as long for one line as everything else together, to escape names that are declared.
    """

    def __init__(self, fleet: FleetSpec) -> None:
        schema = fleet.scores.schema
        assert schema is not None
        self._fleet = fleet
        self._schema = schema
        self._states = {*fleet.states, State.IDLE, State.UNKNOWN}
        self._earliest = _micros(schema.earliest.timestamp())
        self._ahead = schema.ahead // timedelta(microseconds=1)
        self._decoder = msgspec.json.Decoder(_record_of(schema))
        self._head = f"{MEASUREMENT},fleet={fleet.name},sensor_id="
        in_head_or_time = (schema.key, schema.event_time)
        self._writers = [None if field.name in in_head_or_time else _writer(field) for field in schema.fields]

    def read(self, value: bytes | None, origin: Origin, kafka_time: int) -> Point:
        """Check a record and turn it into a point; `kafka_time` in milliseconds since 1970.

        A measurement that is null is left out of the point. Raises BadInput that names the field.
        """
        record = self._parsed(value)
        time = _micros(record.event_time)
        if not self._earliest <= time <= kafka_time * 1000 + self._ahead:
            raise BadInput(f"timestamp {time / 1e6:f} is before {self._schema.earliest:%Y} or too far ahead")
        if record.pred not in self._states:
            raise BadInput(f"pred is {record.pred[:40]!r}; {self._fleet.name} has {sorted(self._states)}")
        values = zip(self._writers, msgspec.structs.astuple(record), strict=True)
        fields = ",".join([write(found) for write, found in values if write is not None and found is not None])
        return Point(origin=origin, time=time, line=f"{self._head}{record.facility_id} {fields} {time}")

    def _parsed(self, value: bytes | None) -> Any:
        if not value or len(value) > self._schema.max_size:
            raise BadInput(f"{len(value or b'')} bytes; between 1 and {self._schema.max_size} are a grade")
        try:
            return self._decoder.decode(value)
        except msgspec.ValidationError as error:
            raise BadInput(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput(f"no JSON: {error}") from None


def expired(time: int, now: float) -> bool:
    """Tell whether the database would refuse a point at `time` (microseconds) for its age; `now` in seconds."""
    return time < (now - RETENTION.total_seconds()) * 1e6


def _record_of(schema: RecordSchema) -> type[msgspec.Struct]:
    """What JSON is read into: attributes by the fields' names, in their order."""
    return msgspec.defstruct(
        schema.name,
        [
            (field.name, _TYPES[field.type]) if field.required else (field.name, _TYPES[field.type] | None, None)
            for field in schema.fields
        ],
        rename={field.name: field.wire_name for field in schema.fields},
        kw_only=True,
        gc=False,
    )


def _writer(field: Field) -> Callable[[Any], str]:
    """What writes a value of the field as `name=value`."""
    name = field.wire_name
    match field.type:
        case FieldType.LONG:
            return lambda value: f"{name}={value}i"
        case FieldType.STRING:
            return lambda value: f"{name}={quote_ident(value)}"
        case FieldType.EPOCH_SECONDS:
            assert name == _SOURCE_TIME, f"the database has no name for the time {name}"
            return lambda value: f"{_SENT_AT}={_micros(value) // 1000}i"
        case FieldType.DOUBLE:
            return lambda value: f"{name}={value!r}"


def _micros(seconds: float) -> int:
    return round(seconds * 1e6)
