from datetime import UTC, date, datetime, timedelta

import pytest
from pyspark.sql import Row, SparkSession
from tests.spark.evaluation import evaluated
from tests.spark.kafka_records import NOW, SENT, heat, inspection, records, text, without

from soh.specs import schemas
from soh_spark.decode import decode
from soh_spark.scoring import INTERPRETED

READABLE = {
    "English names": text(heat()),
    "Korean names": text({"sensor_id": 100, "timestamp": NOW, "누적전력량": 12.5, "R상선간전압": 381.0, "온도": 41.5}),
    "the same value in both spellings": text(heat(온도=41.5)),
    "a null beside a value in the other spelling": text(heat(temperature=None, 온도=41.5)),
    "every measurement null": text({"facility_id": 100, "event_time": NOW, "temperature": None}),
    "unknown keys": text(heat(colour="red", nested={"a": [1, {"b": None}]})),
    "blanks around it": b" \r\n\t" + text(heat()) + b"\n ",
    "an integer where a fraction may be": text(heat(temperature=41)),
    "an integer as event time": text(heat(event_time=int(NOW))),
    "a number in exponent form": b'{"facility_id":100,"event_time":1.7775e9}',
    "exactly as long as allowed": text(heat()) + b" " * (schemas.HEAT_READING.max_size - len(text(heat()))),
    "the first event time allowed": text(heat(event_time=schemas.HEAT_READING.earliest.timestamp())),
    "the last event time allowed": text(heat(event_time=NOW + 3600)),
    "nested as deep as a parser allows": text(heat(deep=None)).replace(b"null", b"[" * 900 + b"]" * 900),
}

UNREADABLE = {
    "empty": {
        "null value": None,
        "no bytes": b"",
    },
    "oversized": {
        "one byte too long": text(heat()) + b" " * (schemas.HEAT_READING.max_size + 1 - len(text(heat()))),
        "long and not JSON": b"\xff" * 200_000,
    },
    "not_utf8": {
        "Latin-1": '{"facility_id":100,"name":"é"}'.encode("latin-1"),
        "UTF-16": text(heat()).decode().encode("utf-16"),
        "a surrogate as bytes": b'{"facility_id":100,"name":"\xed\xa0\x80"}',
        "an overlong form": b'{"facility_id":100,"name":"\xc0\xaf"}',
        "random bytes": bytes(range(256)),
    },
    "not_json": {
        "words": b"temperature is high",
        "blanks": b"   ",
        "a number": b"5",
        "a text": b'"heat"',
        "null": b"null",
        "a list of one good object": b"[" + text(heat()) + b"]",
        "an empty list": b"[]",
        "cut off": text(heat())[:-5],
        "words behind it": text(heat()) + b" and more",
        "a second object behind it": text(heat()) + text(heat()),
        "a second object behind a comma": text(heat()) + b"," + text(heat()),
        "a brace too many": text(heat()) + b"}",
        "a brace too many and words": text(heat()) + b"} and more",
        "an ending that imitates the envelope": text(heat()) + b',"end":987654321} and more',
        "a zero byte behind it": text(heat()) + b"\x00",
        "a comment": b"/* heat */" + text(heat()),
        "single quotes": b"{'facility_id':100}",
        "a bare key": b"{facility_id:100}",
        "a trailing comma": b'{"facility_id":100,}',
        "a leading zero": b'{"facility_id":0100}',
        "a line break in a text": b'{"facility_id":100,"name":"a\nb"}',
        "a byte order mark": b"\xef\xbb\xbf" + text(heat()),
        "nested without end": b'{"a":' + b"[" * 20_000,
        "nested deeper than a parser allows": b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        "a number of 5,000 digits": b'{"facility_id":' + b"9" * 5_000 + b"}",
    },
    "wrong_type": {
        "a measurement as text": text(heat(temperature="41.5")),
        "a measurement as empty text": text(heat(temperature="")),
        "a measurement as true": text(heat(temperature=True)),
        "a measurement as list": text(heat(temperature=[41.5])),
        "a measurement as object": text(heat(temperature={"value": 41.5})),
        "a bare NaN": text(heat(temperature=float("nan"))),
        "a bare Infinity": text(heat(temperature=float("-inf"))),
        "a quoted NaN": text(heat(temperature="NaN")),
        "a quoted infinity": text(heat(temperature="+INF")),
        "a measurement beyond a double": b'{"facility_id":100,"event_time":1777636800,"temperature":1e999}',
        "a facility as text": text(heat(facility_id="100")),
        "a facility with a fraction": text(heat(facility_id=100.5)),
        "a facility with a fraction of zero": text(heat(facility_id=100.0)),
        "a facility beyond a long": text(heat(facility_id=2**63)),
        "a facility of 500 digits": b'{"facility_id":' + b"9" * 500 + b"}",
        "a facility as true": text(heat(facility_id=True)),
        "an event time as text": text(heat(event_time="2026-05-01T12:00:00Z")),
        "a wrong value in the other spelling": text(heat(온도="warm")),
        "a wrong value before the right one of the same key": b'{"seq":"x","seq":1,"facility_id":1,"event_time":1}',
        "NaN in an unknown key": text(heat(colour=float("nan"))),
    },
    "missing_facility_id": {
        "no facility": text(without(heat(), "facility_id")),
        "facility null": text(heat(facility_id=None)),
        "facility null in both spellings": text(heat(facility_id=None, sensor_id=None)),
        "a key of other case": text({"Facility_ID": 100, "event_time": NOW}),
        "an empty object": b"{}",
        "neither facility nor event time": text({"temperature": 41.5}),
    },
    "missing_event_time": {
        "no event time": text(without(heat(), "event_time")),
        "event time null": text(heat(event_time=None)),
    },
    "event_time_out_of_range": {
        "1970": text(heat(event_time=0)),
        "a microsecond too early": text(heat(event_time=schemas.HEAT_READING.earliest.timestamp() - 0.000001)),
        "a microsecond too far ahead": text(heat(event_time=NOW + 3600.000001)),
        "milliseconds instead of seconds": text(heat(event_time=int(NOW * 1000))),
        "before Christ": text(heat(event_time=-1e15)),
        "beyond a timestamp": text(heat(event_time=1e300)),
        "beyond a double": b'{"facility_id":100,"event_time":1e999}',
        "below a double": b'{"facility_id":100,"event_time":-1e999}',
    },
}

INSPECTIONS = {
    "readable": (text(inspection(condition="접촉 불량 😀")), None),
    "a pair of escaped surrogates": (text(inspection(condition="X")).replace(b"X", rb"\ud83d\ude00"), None),
    "a backslash that escapes nothing": (text(inspection(condition="X")).replace(b"X", rb"\\ud83d"), None),
    "a lone high surrogate": (text(inspection(condition="X")).replace(b"X", rb"\ud83d"), "not_utf8"),
    "a lone low surrogate": (text(inspection(condition="X")).replace(b"X", rb"\\\udE00"), "not_utf8"),
    "a pair torn apart": (text(inspection(condition="X")).replace(b"X", rb"\ud83d\\\ude00"), "not_utf8"),
    "a number for text": (text(inspection(condition=5)), "wrong_type"),
    "true for text": (text(inspection(state=True)), "wrong_type"),
    "a list for text": (text(inspection(state=["warning"])), "wrong_type"),
    "null for a required text": (text(inspection(state=None)), "missing_state"),
    "no begin": (text(without(inspection(), "from")), "missing_from_time"),
    "an end beyond the calendar": (text(inspection(to=1e15)), "wrong_type"),
    "an end beyond a double": (text(inspection(to=1)).replace(b'"to": 1', b'"to": 1e999'), "wrong_type"),
}

CASES = [
    *((name, None, value) for name, value in READABLE.items()),
    *((name, reason, value) for reason, values in UNREADABLE.items() for name, value in values.items()),
]


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decoded(spark: SparkSession, *values: bytes | None) -> list[Row]:
    """Rows for messages on `heat`, in their order."""
    return decode(records(spark, values), schemas.HEAT_READING, "Asia/Seoul").orderBy("kafka_offset").collect()


@pytest.fixture(scope="module", params=["compiled", "interpreted"])
def reasons(spark, request):
    """Reason of every case, all decoded at once: one that raised would take the others with it."""
    with evaluated(spark, INTERPRETED if request.param == "interpreted" else {}):
        rows = decoded(spark, *(value for _, _, value in CASES))
    return [row["reason"] for row in rows]


@pytest.mark.parametrize(
    ("index", "expected"), [pytest.param(index, case[1], id=case[0]) for index, case in enumerate(CASES)]
)
def test_a_record_is_readable_or_has_its_reason(reasons, index, expected):
    assert reasons[index] == expected


def test_a_good_record_cut_off_anywhere_is_not_json(spark):
    message = text(heat())
    rows = decoded(spark, *(message[:length] for length in range(1, len(message))))
    assert {row["reason"] for row in rows} == {"not_json"}


def test_texts_of_inspections_are_texts(spark):
    rows = decode(records(spark, [value for value, _ in INSPECTIONS.values()]), schemas.HEAT_INSPECTION, "Asia/Seoul")
    found = {row["kafka_offset"]: row["reason"] for row in rows.collect()}
    assert dict(zip(INSPECTIONS, (found[offset] for offset in range(len(INSPECTIONS))), strict=True)) == {
        name: reason for name, (_, reason) in INSPECTIONS.items()
    }


def test_an_inspection_keeps_its_text_and_times(spark):
    rows = decode(records(spark, [INSPECTIONS["readable"][0]]), schemas.HEAT_INSPECTION, "Asia/Seoul")
    row = rows.selectExpr(
        "condition", "state", "unix_micros(from_time) AS begin", "unix_micros(to_time) AS end"
    ).first()
    assert row == ("접촉 불량 😀", "warning", int((NOW - 3600) * 1e6), int(NOW * 1e6))


def test_a_korean_message_fills_the_english_columns(spark):
    (row,) = decoded(spark, READABLE["Korean names"])
    assert (row["facility_id"], row["energy_total"], row["r_line_voltage"], row["temperature"]) == (
        100,
        12.5,
        381.0,
        41.5,
    )
    assert row["seq"] is None


def test_of_two_spellings_the_english_one_counts(spark):
    (row,) = decoded(spark, text(heat(temperature=1.0, 온도=2.0)))
    assert row["temperature"] == 1.0


def test_the_place_in_kafka_comes_along(spark):
    (row,) = decoded(spark, text(heat()))
    assert (row["kafka_partition"], row["kafka_offset"], row["source"]["key"]) == (2, 0, bytearray(b"100"))
    assert row["kafka_timestamp"].astimezone(UTC) == SENT


def test_event_time_is_kept_to_the_microsecond(spark):
    seconds, parts = [946_684_801, 1_700_000_000, 1_777_636_799], [0, 1, 123_456, 499_999, 500_000, 999_999]
    sent = [(second, part) for second in seconds for part in parts]
    messages = [f'{{"facility_id":100,"event_time":{second}.{part:06d}}}'.encode() for second, part in sent]
    rows = decode(records(spark, messages), schemas.HEAT_READING, "UTC").orderBy("kafka_offset")
    kept = [row["micros"] for row in rows.selectExpr("unix_micros(event_time) AS micros").collect()]
    assert kept == [second * 1_000_000 + part for second, part in sent]


@pytest.mark.parametrize("session_zone", ["UTC", "America/New_York"])
def test_the_day_of_a_reading_is_the_one_in_seoul(spark, session_zone):
    days = {
        datetime(2026, 4, 30, 14, 59, 59, 999_999, tzinfo=UTC): date(2026, 4, 30),
        datetime(2026, 4, 30, 15, 0, tzinfo=UTC): date(2026, 5, 1),
        datetime(2026, 5, 1, 0, 0, tzinfo=UTC): date(2026, 5, 1),
    }
    with evaluated(spark, {"spark.sql.session.timeZone": session_zone}):
        rows = decoded(spark, *(text(heat(event_time=(moment - EPOCH) / timedelta(seconds=1))) for moment in days))
    assert [row["event_date"] for row in rows] == list(days.values())


def test_a_filter_on_the_reason_parses_a_record_once(spark):
    # Of rows that the driver holds, the optimizer would make rows at once, and leave no plan.
    arrived = records(spark, [text(heat())]).repartition(1)
    readable = decode(arrived, schemas.HEAT_READING, "UTC").where("reason IS NULL")
    with evaluated(spark, {"spark.sql.maxPlanStringLength": "1000000"}):
        plan = readable.select("facility_id", "temperature")._jdf.queryExecution().optimizedPlan().toString()
    assert plan.count("from_json(StructField(record,StructType(") == 1
