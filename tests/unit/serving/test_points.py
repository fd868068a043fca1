"""A grade becomes a point with every field that it has, or is named with what is wrong with it."""

from __future__ import annotations

import time

import pytest
from influxdb.line_protocol import quote_ident
from tests.fakes.grades import encoded, grade

from soh.errors import BadInput
from soh.serving.points import ScoreReader, expired
from soh.serving.records import Origin
from soh.specs.fleets import FLEETS, HEAT, HYDRAULIC
from soh.specs.tsdb import RETENTION

NOW = 1_800_000_000.123456
KAFKA_TIME = int(NOW * 1000)
ORIGIN = Origin("heat_pf", 2, 77)


def read(value, fleet=HEAT):
    return ScoreReader(fleet).read(value, ORIGIN, KAFKA_TIME)


def heat(**changes):
    return encoded(grade(HEAT, 100, 5, NOW, **changes))


def fields(point):
    """Fields of a line whose texts hold no comma and no space."""
    return dict(field.split("=") for field in point.line.split(" ")[1].split(","))


def test_a_grade_of_the_power_fleet_is_a_point_with_all_its_fields():
    point = read(heat())
    head, _, time_ = point.line.split(" ")
    assert head == "sensor_measurement,fleet=heat,sensor_id=100"
    assert int(time_) == point.time == 1_800_000_000_123_456
    assert point.origin == ORIGIN
    assert fields(point) == {
        "temperature": "45.5",
        "pf": "0.91",
        "R_pf": "0.92",
        "S_pf": "0.93",
        "T_pf": "0.94",
        "pred": '"warning"',
        "probability": "0.75",
        "model_version": '"3"',
        "seq": "5i",
        "source_partition": "1i",
        "source_offset": "5i",
        "sent_at": "1800000000373i",
    }


def test_a_fleet_without_power_factors_has_no_such_fields():
    point = read(encoded(grade(HYDRAULIC, 1000, 3, NOW)), HYDRAULIC)
    assert point.line.startswith("sensor_measurement,fleet=hydraulic,sensor_id=1000 ")
    assert not {"pf", "R_pf", "S_pf", "T_pf"} & fields(point).keys()


def test_what_is_null_is_left_out():
    point = read(heat(T_pf=None, temperature=None, seq=None, probability=None))
    assert not {"T_pf", "temperature", "seq", "probability"} & fields(point).keys()


def test_a_whole_number_stays_a_float_where_a_float_is_declared():
    assert fields(read(heat(pf=1, temperature=0)))["pf"] == "1.0"


@pytest.mark.parametrize("microsecond", range(0, 1_000_000, 99_991))
def test_event_times_survive_to_the_microsecond(microsecond):
    assert read(heat(timestamp=1_800_000_000 + microsecond / 1e6)).time == 1_800_000_000_000_000 + microsecond


def test_text_from_outside_stays_text():
    version = '3" ,pf=0.1\n\\'
    assert f"model_version={quote_ident(version)}" in read(heat(model_version=version)).line
    assert "\n" not in read(heat(model_version=version)).line


def without(name):
    record = grade(HEAT, 100, 5, NOW)
    del record[name]
    return encoded(record)


WRONG = {
    "nothing": (None, "0 bytes"),
    "empty": (b"", "0 bytes"),
    "too-long": (b" " * 70_000, "70000 bytes"),
    "not-utf-8": (b"\xff\xfe", "no JSON"),
    "half-a-record": (heat()[:40], "no JSON"),
    "a-list": (b"[1, 2]", "Expected `object`, got `array`"),
    "nested-without-end": (b'{"a":' * 10_000, "no JSON"),
    "not-a-number": (heat(pf=float("nan")), "no JSON"),
    "infinite": (heat(pf=float("inf")), "no JSON"),
    "more-than-a-double": (heat().replace(b"0.91", b"1e999"), "Number out of range - at `$.pf`"),
    "an-endless-integer": (heat(pf=10**400), "Number out of range - at `$.pf`"),
    "text-for-a-number": (heat(pf="NaN"), "got `str` - at `$.pf`"),
    "truth-for-a-number": (heat(pf=True), "got `bool` - at `$.pf`"),
    "half-a-seq": (heat(seq=1.5), "got `float` - at `$.seq`"),
    "a-seq-beyond-64-bits": (heat(seq=2**63), "Expected `int` <= 9223372036854775807 - at `$.seq`"),
    "a-number-for-a-version": (heat(model_version=3), "Expected `str`, got `int` - at `$.model_version`"),
    "an-empty-version": (heat(model_version=""), "Expected `str` of length >= 1 - at `$.model_version`"),
    "half-a-character": (heat(model_version="\ud800"), "no JSON"),
    "no-sensor": (without("sensor_id"), "missing required field `sensor_id`"),
    "no-time": (without("timestamp"), "missing required field `timestamp`"),
    "no-state": (heat(pred=None), "got `null` - at `$.pred`"),
    "no-version": (without("model_version"), "missing required field `model_version`"),
    "no-source": (without("source_offset"), "missing required field `source_offset`"),
    "a-word-for-a-time": (heat(timestamp="2026-01-01"), "got `str` - at `$.timestamp`"),
    "a-time-beyond-all-clocks": (heat(source_time=1e300), "- at `$.source_time`"),
    "before-there-were-sensors": (heat(timestamp=1), "before 2000"),
    "two-hours-ahead": (heat(timestamp=NOW + 7200), "too far ahead"),
    "no-state-at-all": (heat(pred="fine"), "pred is 'fine'"),
    "a-state-of-another-fleet": (heat(pred="danger"), "pred is 'danger'"),
}


@pytest.mark.parametrize(("value", "reason"), WRONG.values(), ids=WRONG)
def test_what_is_no_grade_is_refused_with_the_reason(value, reason):
    with pytest.raises(BadInput) as refused:
        read(value)
    assert reason in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=lambda fleet: fleet.name)
def test_every_state_of_a_fleet_and_those_without_a_grade_are_taken(fleet):
    for word in (*fleet.states, "idle", "unknown"):
        assert fields(read(encoded(grade(fleet, 1, 1, NOW, pred=word)), fleet))["pred"] == f'"{word}"'


def test_a_field_that_nobody_declared_is_left_out():
    assert "color" not in read(heat(color="red")).line


@pytest.mark.parametrize(
    ("age", "too_old"),
    [
        pytest.param(RETENTION.total_seconds() + 0.001, True, id="just-beyond"),
        pytest.param(RETENTION.total_seconds() - 0.001, False, id="just-within"),
        pytest.param(-60, False, id="ahead"),
    ],
)
def test_the_border_of_the_retention(age, too_old):
    assert expired(round((NOW - age) * 1e6), NOW) is too_old


def test_a_record_is_read_in_well_under_a_millisecond():
    reader, value = ScoreReader(HEAT), heat()
    began = time.process_time()
    for _ in range(1_000):
        reader.read(value, ORIGIN, KAFKA_TIME)
    assert time.process_time() - began < 0.5


def test_where_a_record_lies_reads_like_kafka_s_own_tools():
    assert str(ORIGIN) == "heat_pf[2]@77"
