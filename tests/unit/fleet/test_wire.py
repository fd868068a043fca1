import json

import numpy as np
import pytest
from tests.fakes.readings import one_by_one

from soh.errors import BadDeclaration
from soh.fleet.heat import HeatFleet
from soh.fleet.hydraulic import HydraulicReplay
from soh.fleet.recording import load
from soh.fleet.wire import Encoder, Message, decode, schema_of
from soh.specs import topics
from soh.specs.schemas import HEAT_INSPECTION, HEAT_READING, HYDRAULIC_INSPECTION, HYDRAULIC_READING

T0 = 1_800_000_000.0


@pytest.fixture
def reading() -> dict:
    fleet = HeatFleet([100])
    fleet.resume(now=T0, readings={}, inspections={}, same_settings=False)
    return one_by_one(fleet.readings(np.array([0]), np.array([3]), np.array([T0 + 0.0671])))[0]


def encode(reading: dict, seq: int) -> bytes:
    return Encoder(topics.HEAT).message(reading, seq).value


def test_a_heat_reading_has_the_25_keys_of_the_original_and_seq(reading):
    sent = json.loads(encode(reading, 3))
    assert set(sent) == {field.wire_name for field in HEAT_READING.fields}
    assert len(set(sent) - {"seq"}) == 25
    assert {"sensor_id", "timestamp", "누적전력량", "T상선간전압"} < set(sent)
    assert (sent["sensor_id"], sent["seq"], sent["timestamp"]) == (100, 3, T0 + 0.067)
    assert all(isinstance(value, int | float) for value in sent.values())


def test_korean_keys_are_sent_as_utf_8_and_not_escaped(reading):
    assert "누적전력량".encode() in encode(reading, 0)


def test_every_record_of_every_fleet_has_exactly_the_declared_keys(rig):
    heat = HeatFleet([100], hours_to_degrade=0.05)
    heat.resume(now=T0, readings={}, inspections={}, same_settings=False)
    hydraulic = HydraulicReplay([1000], load(rig))
    for step in range(40):
        for fleet, schema in ((heat, HEAT_READING), (hydraulic, HYDRAULIC_READING)):
            columns = fleet.readings(np.array([0]), np.array([step]), np.array([T0 + 5 * step]))
            assert columns.keys() | {"seq"} == {field.name for field in schema.fields}
    for fleet, schema in ((heat, HEAT_INSPECTION), (hydraulic, HYDRAULIC_INSPECTION)):
        records = fleet.inspections(T0 + 3600)
        assert records
        for record in records:
            assert record.keys() | {"seq"} == {field.name for field in schema.fields}


def test_the_bytes_are_those_that_python_s_own_json_would_write(reading):
    whole = reading | {"seq": 7, "energy_total": 1234567.125, "active_power": 0.0, "temperature": -0.07}
    expected = json.dumps(
        {field.wire_name: whole[field.name] for field in HEAT_READING.fields}, ensure_ascii=False, separators=(",", ":")
    )
    assert encode(whole, 7) == expected.encode()


def test_records_encoded_together_are_those_encoded_one_by_one(reading):
    encoder, many = Encoder(topics.HEAT), [reading | {"facility_id": 100 + place} for place in range(3)]
    columns = {name: [one[name] for one in many] for name in reading}
    assert encoder.messages(columns, [4, 5, 6]) == [
        encoder.message(*pair) for pair in zip(many, (4, 5, 6), strict=True)
    ]


def test_a_record_without_one_of_the_fields_is_refused(reading):
    del reading["frequency"]
    with pytest.raises(KeyError, match="frequency"):
        encode(reading, 0)


def test_what_is_sent_is_known_again(reading):
    assert decode(HEAT_READING, b"100", encode(reading, 3)) == reading | {"seq": 3}


def changed(**values: object):
    def change(sent: dict) -> bytes:
        return json.dumps({**sent, **values}, ensure_ascii=False).encode()

    return change


@pytest.mark.parametrize(
    ("key", "change"),
    [
        pytest.param(None, changed(), id="no-key"),
        pytest.param(b"101", changed(), id="key-of-another-facility"),
        pytest.param(b"100", lambda _: None, id="no-value"),
        pytest.param(b"100", lambda _: b"\xff\xfe{", id="not-utf-8"),
        pytest.param(b"100", lambda _: b'{"sensor_id":', id="half-of-a-json"),
        pytest.param(b"100", lambda _: b"[" * 50_000, id="nested-without-end"),
        pytest.param(b"100", lambda _: b"[1]", id="no-object"),
        pytest.param(b"100", changed(extra=1), id="one-key-more"),
        pytest.param(b"100", lambda _: json.dumps({"sensor_id": 100, "seq": 9}).encode(), id="keys-missing"),
        pytest.param(b"100", changed(seq="7"), id="seq-is-a-text"),
        pytest.param(b"100", changed(seq=7.5), id="seq-is-no-whole-number"),
        pytest.param(b"100", changed(seq=True), id="seq-is-a-truth-value"),
        pytest.param(b"100", changed(seq=-1), id="seq-is-negative"),
        pytest.param(b"100", changed(온도="hot"), id="measurement-is-a-text"),
        pytest.param(b"100", lambda sent: b" " * 70_000 + changed()(sent), id="oversized"),
    ],
)
def test_what_our_fleets_cannot_have_sent_is_not_ours(reading, key, change):
    sent = json.loads(encode(reading, 3))
    assert decode(HEAT_READING, key, change(sent)) is None


def test_the_key_is_the_facility_id_as_decimal_text():
    assert Message(topic="heat", facility=173, seq=0, value=b"").key == b"173"


def test_a_topic_without_schema_is_refused():
    with pytest.raises(BadDeclaration, match="topic platform_check has no schema"):
        schema_of(topics.PLATFORM_CHECK)
