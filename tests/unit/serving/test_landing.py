"""From records to objects: when one is closed, what stands in it, and how far its partition may be committed."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from soh.serving.backlog import Backlog
from soh.serving.landing import Landing, Limits, is_json, line_of
from soh.serving.records import Origin, Record
from soh.specs.landing import LandedObject

NOW = datetime(2026, 1, 9, 7, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
A, B = ("heat_pf", 0), ("heat_pf", 1)


def record(offset, value=b'{"pf":0.9}', partition=A):
    return Record(origin=Origin(*partition, offset), value=value, timestamp=1_700_000_000_000 + offset)


def records(offsets, partition=A, value=b'{"pf":0.9}'):
    return [record(offset, value, partition) for offset in offsets]


def landing(**limits):
    return Landing(Limits(**{"every": MINUTE, "records": 10, "size": 100_000} | limits))


def spans(parcels):
    """(partition, first, last) of closed objects."""
    return [(p.content.place.partition, p.content.place.first, p.content.place.last) for p in parcels]


def rows(parcel):
    return [json.loads(line) for line in gzip.decompress(parcel.content.body).split(b"\n")[:-1]]


# When an object is closed.


def test_an_object_is_open_until_its_time_is_over():
    found = landing()
    assert found.take(records([5, 6]), NOW) == []
    assert found.take(records([7]), NOW + MINUTE - SECOND) == []
    assert spans(found.take([], NOW + MINUTE)) == [(0, 5, 7)]
    assert found.take([], NOW + 2 * MINUTE) == []


def test_what_comes_when_the_time_is_over_goes_into_the_next_object():
    found = landing()
    found.take(records([5]), NOW)
    assert spans(found.take(records([6]), NOW + MINUTE)) == [(0, 5, 5)]
    assert spans(found.take([], NOW + 2 * MINUTE)) == [(0, 6, 6)]


def test_an_object_is_closed_when_it_has_as_many_records_as_it_may():
    found = landing()
    assert spans(found.take(records(range(25)), NOW)) == [(0, 0, 9), (0, 10, 19)]
    assert spans(found.release([A])) == [(0, 20, 24)]


def test_no_object_is_longer_than_it_may_be():
    length = len(line_of(record(0)))
    found = landing(size=3 * length + 1)
    parcels = found.take(records(range(8)), NOW)
    assert spans(parcels) == [(0, 0, 2), (0, 3, 5)]
    assert [len(gzip.decompress(parcel.content.body)) for parcel in parcels] == [3 * length] * 2
    # One that is full to the byte waits for nothing.
    assert spans(landing(size=3 * length).take(records(range(3)), NOW)) == [(0, 0, 2)]


def test_a_record_that_is_longer_than_an_object_may_be_has_one_of_its_own():
    found = landing(size=1_000)
    huge = b'"' + b"x" * 2_000 + b'"'
    assert spans(found.take([record(0), record(1, huge), record(2)], NOW)) == [(0, 0, 0), (0, 1, 1)]
    assert spans(found.release([A])) == [(0, 2, 2)]


def test_an_object_is_closed_when_the_hour_changes_and_belongs_to_the_hour_in_which_it_was_opened():
    found = landing()
    late = NOW.replace(minute=59, second=59)
    found.take(records([5]), late)
    (old,) = found.take(records([6]), late + SECOND)
    (new,) = found.release([A])
    assert (old.content.place.hour.hour, new.content.place.hour.hour) == (7, 8)
    assert spans([old, new]) == [(0, 5, 5), (0, 6, 6)]


def test_a_clock_that_was_put_back_keeps_no_object_open():
    found = landing()
    found.take(records([5]), NOW)
    assert spans(found.take([], NOW - 10 * MINUTE)) == [(0, 5, 5)]


def test_partitions_have_objects_and_times_of_their_own():
    found = landing()
    found.take(records([5], A), NOW)
    found.take(records([9], B), NOW + SECOND)
    assert spans(found.take([], NOW + MINUTE)) == [(0, 5, 5)]
    assert spans(found.take([], NOW + MINUTE + SECOND)) == [(1, 9, 9)]


def test_offsets_that_go_back_begin_another_object():
    found = landing()
    assert spans(found.take([*records([100, 101]), *records([0, 1])], NOW)) == [(0, 100, 101)]
    assert spans(found.release([A])) == [(0, 0, 1)]


def test_a_partition_that_is_given_away_leaves_nothing_behind_and_others_stay():
    found = landing()
    found.take([*records([5], A), *records([9], B)], NOW)
    assert spans(found.release([A, ("hydraulic_soh", 0)])) == [(0, 5, 5)]
    assert spans(found.take([], NOW + MINUTE)) == [(1, 9, 9)]


# How far a partition may be committed.


def test_a_partition_is_committed_past_the_last_record_of_what_is_written_and_no_further():
    found, backlog = landing(), Backlog()
    for parcel in found.take([*records(range(25), A), *records([9], B)], NOW):
        backlog.read(parcel)
    assert backlog.to_commit() == {}
    backlog.written()
    assert backlog.to_commit() == {A: 20}
    for parcel in found.take([], NOW + MINUTE):
        backlog.read(parcel)
    backlog.written()
    assert backlog.to_commit() == {A: 25, B: 10}


# What stands in it.


def test_a_line_is_the_place_the_time_and_the_value_as_it_came():
    assert line_of(record(7, b'{"sensor_id": 3, "pf": 0.90, "name": "\xec\x97\xad\xeb\xa5\xa0"}')) == (
        b'{"topic":"heat_pf","partition":0,"offset":7,"timestamp":1700000000007,'
        b'"value":{"sensor_id": 3, "pf": 0.90, "name": "\xec\x97\xad\xeb\xa5\xa0"}}\n'
    )


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b'{\r\n  "a": 1,\n  "b": [2,\n 3]\n}\n', id="on-many-lines"),
        pytest.param(b'"\\ud800 \\n \\u0000"', id="escapes"),
        pytest.param(b"12345678901234567890123456789", id="number-longer-than-64-bits"),
        pytest.param(b"0.1000000000000000055511151231257827", id="number-of-many-digits"),
        pytest.param(b"1e999", id="number-beyond-doubles"),
        pytest.param(b" null ", id="null"),
        pytest.param('"a\u2028b"'.encode(), id="line-separator-of-unicode"),
    ],
)
def test_json_of_any_form_is_one_line_with_the_same_value(value):
    line = line_of(record(7, value))
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert line.endswith(b"\n")
    assert json.loads(line)["value"] == json.loads(value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="no-bytes"),
        pytest.param(b"\xff{", id="no-text"),
        pytest.param(b"{'a': 1}", id="no-json"),
        pytest.param(b'{"a": 1}{"b": 2}', id="two-values"),
        pytest.param(b'{"pf": NaN}', id="not-a-number"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="another-encoding"),
        pytest.param(b"[" * 100_000, id="deep"),
    ],
)
def test_bytes_that_are_no_json_are_kept_in_base64(value):
    row = json.loads(line_of(record(7, value)))
    assert base64.b64decode(row.pop("raw")) == value
    assert row == {"topic": "heat_pf", "partition": 0, "offset": 7, "timestamp": 1_700_000_000_007}


def test_a_record_without_a_value_is_told_from_one_whose_value_is_null_or_empty():
    assert json.loads(line_of(record(7, None)))["raw"] is None
    assert json.loads(line_of(record(7, b"")))["raw"] == ""
    assert json.loads(line_of(record(7, b"null")))["value"] is None
    assert not is_json(None)


def test_an_object_holds_every_record_in_order_and_says_what_it_holds():
    found = landing()
    found.take([record(5), record(6, b"\xff"), record(9)], NOW)
    (parcel,) = found.release([A])
    assert [row["offset"] for row in rows(parcel)] == [5, 6, 9]
    assert parcel.content.metadata == {
        "topic": "heat_pf",
        "partition": "0",
        "first-offset": "5",
        "last-offset": "9",
        "records": "3",
    }
    assert (parcel.last, parcel.records) == (Origin(*A, 9), 3)
    assert LandedObject.parse(parcel.content.place.key) == parcel.content.place


def test_the_same_records_are_the_same_bytes_whenever_they_are_read():
    bodies = set()
    for begin in (NOW, NOW + 10 * MINUTE):
        found = landing()
        found.take(records([5, 6]), begin)
        bodies |= {parcel.content.body for parcel in found.release([A])}
    assert len(bodies) == 1
    # Bytes 4 to 7 of a gzip file are its time.
    assert bodies.pop()[4:8] == bytes(4)
