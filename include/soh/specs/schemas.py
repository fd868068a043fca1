"""Record schemas: what a message on a topic holds, in which units, under which accepted spellings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from soh.errors import BadDeclaration
from soh.specs._names import check_name


class FieldType(StrEnum):
    """Types a field can have on the wire and in the lake."""

    LONG = "long"
    DOUBLE = "double"
    STRING = "string"
    EPOCH_SECONDS = "epoch_seconds"
    """A number of seconds since 1970 on the wire, a timestamp (UTC) in the lake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value of a record."""

    name: str
    """Column in the lake, and a spelling accepted on the wire."""
    type: FieldType
    unit: str = ""
    aliases: tuple[str, ...] = ()
    """Other spellings accepted on the wire; the first is the one that the original sensors send."""
    required: bool = False

    @property
    def spellings(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    @property
    def wire_name(self) -> str:
        """The spelling that our own fleets send."""
        return self.aliases[0] if self.aliases else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSchema:
    """Fields of the messages on one topic, and the bounds outside which a message is unreadable."""

    name: str
    fields: tuple[Field, ...]
    key: str = "facility_id"
    event_time: str = "event_time"
    max_size: int = 64 * 1024
    """Bytes; a longer message goes to the dead letters unparsed."""
    earliest: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    """An event time before this one is a broken clock."""
    ahead: timedelta = timedelta(hours=1)
    """How far an event time may lie after the record's Kafka timestamp."""

    def __post_init__(self) -> None:
        check_name("schema", self.name)
        spellings = [spelling for field in self.fields for spelling in field.spellings]
        if twice := {spelling for spelling in spellings if spellings.count(spelling) > 1}:
            raise BadDeclaration(f"schema {self.name}: {sorted(twice)} is the spelling of two fields")
        for name in (self.key, self.event_time):
            if not self.field(name).required:
                raise BadDeclaration(f"schema {self.name}: field {name} must be required")
        if self.field(self.event_time).type is not FieldType.EPOCH_SECONDS:
            raise BadDeclaration(f"schema {self.name}: {self.event_time} must be of type epoch_seconds")

    def field(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise BadDeclaration(f"schema {self.name} has no field {name}")

    @property
    def measurements(self) -> tuple[Field, ...]:
        """The fields with a unit: what was measured, not when, where or by whom."""
        return tuple(field for field in self.fields if field.unit and field.type is FieldType.DOUBLE)


def measured(name: str, unit: str, *aliases: str) -> Field:
    """A measurement: a number with a unit, which may be null."""
    return Field(name=name, type=FieldType.DOUBLE, unit=unit, aliases=aliases)


SEQ = Field(name="seq", type=FieldType.LONG)
"""Per facility, from 0, so that loss and duplication can be counted; optional on the wire."""

FACILITY = Field(name="facility_id", type=FieldType.LONG, aliases=("sensor_id",), required=True)
EVENT_TIME = Field(name="event_time", type=FieldType.EPOCH_SECONDS, aliases=("timestamp",), required=True)

PHASES = ("r", "s", "t")


def _phase(phase: str) -> tuple[Field, ...]:
    korean = f"{phase.upper()}상"
    return (
        measured(f"{phase}_active_power", "W", f"{korean}유효전력"),
        measured(f"{phase}_reactive_power", "var", f"{korean}무효전력"),
        measured(f"{phase}_current", "A", f"{korean}전류"),
        measured(f"{phase}_voltage", "V", f"{korean}전압"),
        measured(f"{phase}_line_voltage", "V", f"{korean}선간전압"),
    )


HEAT_READING = RecordSchema(
    name="heat_reading",
    fields=(
        FACILITY,
        SEQ,
        EVENT_TIME,
        measured("energy_total", "kWh", "누적전력량"),
        measured("active_power", "W", "유효전력평균"),
        measured("reactive_power", "var", "무효전력평균"),
        measured("frequency", "Hz", "주파수"),
        measured("current", "A", "전류평균"),
        measured("phase_voltage", "V", "상전압평균"),
        measured("line_voltage", "V", "선간전압평균"),
        measured("temperature", "degC", "온도"),
        *_phase("r"),
        *_phase("s"),
        *_phase("t"),
    ),
)
"""The power-facility message: 25 keys in the original (Korean), and `seq`."""

HYDRAULIC_READING = RecordSchema(
    name="hydraulic_reading",
    fields=(
        FACILITY,
        SEQ,
        EVENT_TIME,
        Field(name="cycle", type=FieldType.LONG),
        measured("ts1", "degC"),
        measured("ts2", "degC"),
        measured("ts3", "degC"),
        measured("ts4", "degC"),
        measured("vs1", "mm/s"),
        measured("ce", "%"),
        measured("cp", "kW"),
        measured("se", "%"),
    ),
)
"""Means over 5 s of the test rig's eight channels; `cycle` counts the rig's 60-second cycles from 0."""


def _inspection(name: str, condition: FieldType, *details: Field) -> RecordSchema:
    return RecordSchema(
        name=name,
        fields=(
            FACILITY,
            SEQ,
            EVENT_TIME,
            Field(name="from_time", type=FieldType.EPOCH_SECONDS, aliases=("from",), required=True),
            Field(name="to_time", type=FieldType.EPOCH_SECONDS, aliases=("to",), required=True),
            Field(name="condition", type=condition, required=True),
            Field(name="state", type=FieldType.STRING, required=True),
            *details,
        ),
    )


HEAT_INSPECTION = _inspection("heat_inspection", FieldType.STRING)
"""What an inspection found for [from_time, to_time): the name of the condition and the SOH state."""

HYDRAULIC_INSPECTION = _inspection(
    "hydraulic_inspection",
    FieldType.LONG,
    Field(name="cycle", type=FieldType.LONG),
    Field(name="cooler_pct", type=FieldType.LONG),
    Field(name="pump_leak", type=FieldType.LONG),
)
"""The experimenters' grades of one cycle; `condition` is the id of the combination of the four grades."""


def _score(name: str, *measurements: Field) -> RecordSchema:
    return RecordSchema(
        name=name,
        fields=(
            FACILITY,
            SEQ,
            EVENT_TIME,
            measured("temperature", "degC"),
            *measurements,
            Field(name="pred", type=FieldType.STRING, required=True),
            measured("probability", "1"),
            Field(name="model_version", type=FieldType.STRING, required=True),
            Field(name="source_partition", type=FieldType.LONG, required=True),
            Field(name="source_offset", type=FieldType.LONG, required=True),
            Field(name="source_time", type=FieldType.EPOCH_SECONDS, required=True),
        ),
    )


HEAT_SCORE = _score(
    "heat_score",
    measured("pf", "1"),
    *(measured(f"{phase}_pf", "1", f"{phase.upper()}_pf") for phase in PHASES),
)
"""The grade of one reading: its state (`pred`) with its probability, by which model, from which record of the topic
of readings; `source_time` is the Kafka timestamp of that record, which is when it was sent."""

HYDRAULIC_SCORE = _score("hydraulic_score")
