from datetime import UTC

import pytest
from pyspark.sql import Row, SparkSession
from tests.fakes import mutants
from tests.fakes.messages import NOW, SENT, heat, text
from tests.fakes.wire_cases import CASES, DAYS, INSPECTIONS, MICROSECONDS, READABLE
from tests.spark.evaluation import evaluated
from tests.spark.kafka_records import records

from soh.specs import schemas
from soh_spark.decode import decode
from soh_spark.scoring import INTERPRETED


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
    rows = decode(records(spark, list(MICROSECONDS)), schemas.HEAT_READING, "UTC").orderBy("kafka_offset")
    kept = [row["micros"] for row in rows.selectExpr("unix_micros(event_time) AS micros").collect()]
    assert kept == list(MICROSECONDS.values())


@pytest.mark.parametrize("session_zone", ["UTC", "America/New_York"])
def test_the_day_of_a_reading_is_the_one_in_seoul(spark, session_zone):
    with evaluated(spark, {"spark.sql.session.timeZone": session_zone}):
        rows = decoded(spark, *DAYS)
    assert [row["event_date"] for row in rows] == list(DAYS.values())


def test_mutants_are_judged_as_recorded(spark):
    # Two spellings of one field of a grade differ in their capitals alone.
    with evaluated(spark, {"spark.sql.caseSensitive": "true"}):
        rows = decode(records(spark, mutants.MUTANTS), schemas.HEAT_SCORE, "Asia/Seoul").orderBy("kafka_offset")
        times = {name: f"unix_micros({name})" for name in mutants.TIMES}
        found = rows.selectExpr("reason", *(times.get(name, name) for name in mutants.COLUMNS)).collect()
    assert mutants.outcomes(map(tuple, found)) == mutants.OUTCOMES


def test_a_filter_on_the_reason_parses_a_record_once(spark):
    # Of rows that the driver holds, the optimizer would make rows at once, and leave no plan.
    arrived = records(spark, [text(heat())]).repartition(1)
    readable = decode(arrived, schemas.HEAT_READING, "UTC").where("reason IS NULL")
    with evaluated(spark, {"spark.sql.maxPlanStringLength": "1000000"}):
        plan = readable.select("facility_id", "temperature")._jdf.queryExecution().optimizedPlan().toString()
    assert plan.count("from_json(StructField(record,StructType(") == 1
