from collections.abc import Collection

import polars as pl
import pytest
from tests.fakes import mutants
from tests.fakes.grades import encoded, grade
from tests.fakes.messages import NOW, SENT, heat, text
from tests.fakes.wire_cases import CASES, DAYS, INSPECTIONS, MICROSECONDS, READABLE

from soh.lake.columns import decode as decoding
from soh.lake.columns.decode import decode
from soh.specs import RecordSchema, schemas
from soh.specs.fleets import HEAT


def records(values: Collection[bytes | None]) -> pl.DataFrame:
    """One record for each value, at consecutive offsets of partition 2."""
    columns = {"partition": pl.Int32, "offset": pl.Int64, "timestamp": pl.Datetime("us", "UTC"), "value": pl.Binary}
    return pl.DataFrame([(2, offset, SENT, value) for offset, value in enumerate(values)], columns, orient="row")


def decoded(values: Collection[bytes | None], schema: RecordSchema = schemas.HEAT_READING) -> pl.DataFrame:
    return decode(records(values), schema, "Asia/Seoul")


@pytest.fixture(scope="module")
def reasons():
    """Reason of every case, all decoded at once: one that raised would take the others with it."""
    return decoded([value for _, _, value in CASES])["reason"].to_list()


@pytest.mark.parametrize(
    ("index", "expected"), [pytest.param(index, case[1], id=case[0]) for index, case in enumerate(CASES)]
)
def test_a_record_is_readable_or_has_its_reason(reasons, index, expected):
    assert reasons[index] == expected


def test_a_good_record_cut_off_anywhere_is_not_json():
    message = text(heat())
    rows = decoded([message[:length] for length in range(1, len(message))])
    assert set(rows["reason"]) == {"not_json"}


def test_texts_of_inspections_are_texts():
    rows = decoded([value for value, _ in INSPECTIONS.values()], schemas.HEAT_INSPECTION)
    assert dict(zip(INSPECTIONS, rows["reason"], strict=True)) == {
        name: reason for name, (_, reason) in INSPECTIONS.items()
    }


def test_mutants_are_judged_as_by_spark():
    rows = decoded(mutants.MUTANTS, schemas.HEAT_SCORE)
    found = rows.with_columns(pl.col(mutants.TIMES).dt.epoch("us")).select("reason", *mutants.COLUMNS)
    assert mutants.outcomes(found.iter_rows()) == mutants.OUTCOMES


def test_a_record_is_read_alike_whether_it_is_vouched_for_or_judged_by_itself():
    fast = [encoded(grade(HEAT, 100, seq, NOW - seq / 7)) for seq in range(100)]
    slow = [value[:-1] + b', "colour": "red"}' for value in fast]
    assert decoded(fast, schemas.HEAT_SCORE).equals(decoded(slow, schemas.HEAT_SCORE))


def test_an_inspection_keeps_its_text_and_times():
    rows = decoded([INSPECTIONS["readable"][0]], schemas.HEAT_INSPECTION)
    times = pl.col("from_time", "to_time").dt.epoch("us")
    assert rows.select("condition", "state", times).row(0) == (
        "접촉 불량 😀",
        "warning",
        int((NOW - 3600) * 1e6),
        int(NOW * 1e6),
    )


def test_a_korean_message_fills_the_english_columns():
    rows = decoded([READABLE["Korean names"]])
    assert rows.select("facility_id", "energy_total", "r_line_voltage", "temperature", "seq").row(0) == (
        100,
        12.5,
        381.0,
        41.5,
        None,
    )


def test_of_two_spellings_the_english_one_counts():
    assert decoded([text(heat(temperature=1.0, 온도=2.0))])["temperature"].item() == 1.0


def test_event_time_is_kept_to_the_microsecond():
    times = decode(records(MICROSECONDS), schemas.HEAT_READING, "UTC")["event_time"]
    assert times.dt.epoch("us").to_list() == list(MICROSECONDS.values())


def test_the_day_of_a_reading_is_the_one_in_seoul():
    assert decoded(DAYS)["event_date"].to_list() == list(DAYS.values())


def test_the_place_in_kafka_and_further_columns_come_along():
    landed = records([text(heat()), b"poison"]).with_columns(pl.Series("copies", [1, 2], pl.Int64))
    rows = decode(landed, schemas.HEAT_READING, "Asia/Seoul")
    assert rows.select("kafka_partition", "kafka_offset", "kafka_timestamp", "copies").rows() == [
        (2, 0, SENT, 1),
        (2, 1, SENT, 2),
    ]


def test_what_is_unreadable_keeps_its_bytes():
    assert decoded([text(heat()), b"\xff", None])["raw"].to_list() == [None, b"\xff", None]


def test_records_keep_their_order_beyond_what_is_read_at_once(monkeypatch):
    monkeypatch.setattr(decoding, "_AT_ONCE", 3)
    rows = decoded([text(heat(seq=seq)) if seq % 3 else b"poison" for seq in range(10)])
    assert rows["seq"].to_list() == [seq if seq % 3 else None for seq in range(10)]


def test_no_records_have_the_same_columns():
    assert decoded([]).schema == decoded([text(heat()), b"poison"]).schema
