from __future__ import annotations

from dataclasses import replace

import pytest

from soh.errors import BadDeclaration
from soh.specs.schemas import (
    EVENT_TIME,
    FACILITY,
    HEAT_INSPECTION,
    HEAT_READING,
    HYDRAULIC_INSPECTION,
    HYDRAULIC_READING,
    PHASES,
    SEQ,
    Field,
    FieldType,
    RecordSchema,
    measured,
)

SCHEMAS = [HEAT_READING, HYDRAULIC_READING, HEAT_INSPECTION, HYDRAULIC_INSPECTION]


def schema(*fields: Field, name: str = "reading", **differing) -> RecordSchema:
    return RecordSchema(name=name, fields=fields, **differing)


REFUSED = {
    "bad-name": (lambda: schema(FACILITY, EVENT_TIME, name="Reading"), "schema 'Reading'"),
    "no-key": (lambda: schema(EVENT_TIME), "no field facility_id"),
    "no-event-time": (lambda: schema(FACILITY), "no field event_time"),
    "key-not-required": (lambda: schema(replace(FACILITY, required=False), EVENT_TIME), "facility_id must be required"),
    "event-time-not-required": (
        lambda: schema(FACILITY, replace(EVENT_TIME, required=False)),
        "event_time must be required",
    ),
    "event-time-that-is-no-time": (
        lambda: schema(FACILITY, replace(EVENT_TIME, type=FieldType.LONG)),
        "must be of type epoch_seconds",
    ),
    "key-that-is-not-a-field": (lambda: schema(FACILITY, EVENT_TIME, key="sensor"), "no field sensor"),
    "two-fields-of-one-name": (lambda: schema(FACILITY, EVENT_TIME, SEQ, SEQ), r"\['seq'\] is the spelling of two"),
    "alias-of-two-fields": (
        lambda: schema(FACILITY, EVENT_TIME, measured("a", "V", "x"), measured("b", "V", "x")),
        r"\['x'\] is the spelling of two",
    ),
    "alias-that-is-another-field's-name": (
        lambda: schema(FACILITY, EVENT_TIME, measured("a", "V", "b"), measured("b", "V")),
        r"\['b'\] is the spelling of two",
    ),
}


@pytest.mark.parametrize(("declare", "complaint"), REFUSED.values(), ids=REFUSED.keys())
def test_a_schema_that_contradicts_itself_is_refused(declare, complaint):
    with pytest.raises(BadDeclaration, match=complaint):
        declare()


def test_a_field_that_is_not_there_is_named_with_its_schema():
    with pytest.raises(BadDeclaration, match="schema heat_reading has no field humidity"):
        HEAT_READING.field("humidity")


def test_a_field_is_sent_under_the_spelling_of_the_original_sensors():
    assert HEAT_READING.field("temperature").wire_name == "온도"
    assert HEAT_READING.field("temperature").spellings == ("temperature", "온도")
    assert HYDRAULIC_READING.field("ts1").wire_name == "ts1"


def test_the_heat_message_has_the_25_keys_of_the_original_and_a_sequence_number():
    keys = [field.wire_name for field in HEAT_READING.fields if field is not SEQ]
    assert len(keys) == len(set(keys)) == 25
    assert {"sensor_id", "timestamp", "누적전력량", "R상유효전력", "T상선간전압"} <= set(keys)
    assert len([field for field in HEAT_READING.fields if field.name[:2] in {f"{phase}_" for phase in PHASES}]) == 15


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_measurements_are_the_numbers_with_a_unit_and_may_be_null(schema):
    assert all(field.unit and not field.required for field in schema.measurements)
    assert {"facility_id", "event_time", "seq", "cycle"}.isdisjoint(field.name for field in schema.measurements)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_only_what_a_record_is_worthless_without_is_required(schema):
    required = {field.name for field in schema.fields if field.required}
    assert {"facility_id", "event_time"} <= required
    assert required <= {"facility_id", "event_time", "from_time", "to_time", "condition", "state"}
