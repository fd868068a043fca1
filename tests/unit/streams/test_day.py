from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from soh.streams.day import day_state, deadline, end_of_day, local_day

SEOUL = "Asia/Seoul"
DAY = date(2025, 3, 1)
LATENESS = timedelta(minutes=10)
DEADLINE = datetime(2025, 3, 1, 15, 10, tzinfo=UTC)
"""Midnight in Seoul after DAY, and ten minutes."""


@pytest.mark.parametrize(
    ("day", "time_zone", "end"),
    [
        pytest.param(DAY, SEOUL, datetime(2025, 3, 1, 15, 0, tzinfo=UTC), id="east-of-greenwich"),
        pytest.param(DAY, "UTC", datetime(2025, 3, 2, 0, 0, tzinfo=UTC), id="utc"),
        pytest.param(DAY, "America/New_York", datetime(2025, 3, 2, 5, 0, tzinfo=UTC), id="west-of-greenwich"),
        pytest.param(
            date(2025, 3, 9), "America/New_York", datetime(2025, 3, 10, 4, 0, tzinfo=UTC), id="day-of-23-hours"
        ),
        pytest.param(
            date(2025, 11, 2), "America/New_York", datetime(2025, 11, 3, 5, 0, tzinfo=UTC), id="day-of-25-hours"
        ),
        pytest.param(date(2024, 12, 31), SEOUL, datetime(2024, 12, 31, 15, 0, tzinfo=UTC), id="end-of-the-year"),
    ],
)
def test_a_day_ends_at_local_midnight(day, time_zone, end):
    assert end_of_day(day, time_zone) == end
    assert end_of_day(day, time_zone).tzinfo is UTC


def test_a_moment_lies_in_the_local_day_that_its_end_is_after():
    last = end_of_day(DAY, SEOUL) - timedelta(microseconds=1)
    assert local_day(last, SEOUL) == DAY
    assert local_day(end_of_day(DAY, SEOUL), SEOUL) == DAY + timedelta(days=1)


def test_records_count_for_a_day_until_the_lateness_is_over():
    assert deadline(DAY, SEOUL, LATENESS) == DEADLINE


def state_of(**differing):
    """Decide with two partitions read past their boundaries, an hour after the deadline, but for what differs."""
    situation = {
        "committed": {0: 100, 1: 200},
        "beginnings": {0: 0, 1: 0},
        "boundaries": {0: 100, 1: 200},
        "ends": {0: 150, 1: 250},
        "now": DEADLINE + timedelta(hours=1),
    } | differing
    return day_state(day=DAY, time_zone=SEOUL, lateness=LATENESS, **situation)


CLOSED = {
    "committed-up-to-the-boundaries": {},
    "committed-beyond-the-boundaries": {"committed": {0: 140, 1: 250}},
    "the-first-moment-that-it-can-be": {"now": DEADLINE},
    "no-later-record-and-all-is-read": {"boundaries": {0: 100, 1: None}, "ends": {0: 150, 1: 200}},
    "partition-that-never-had-a-record": {
        "committed": {0: 100},
        "boundaries": {0: 100, 1: None},
        "ends": {0: 150, 1: 0},
    },
    "partition-whose-records-are-all-deleted": {
        "committed": {0: 100},
        "beginnings": {0: 0, 1: 70},
        "boundaries": {0: 100, 1: None},
        "ends": {0: 150, 1: 70},
    },
}


@pytest.mark.parametrize("differing", CLOSED.values(), ids=CLOSED.keys())
def test_a_day_is_closed(differing):
    found = state_of(**differing)
    assert found.closed, found.reason
    assert found.blocking == ()


OPEN = {
    "the-day-is-not-over": ({"now": datetime(2025, 3, 1, 14, 0, tzinfo=UTC)}, ()),
    "late-records-may-still-come": ({"now": DEADLINE - timedelta(seconds=1)}, ()),
    "a-clock-in-the-future-sent-a-record": (
        {"now": DEADLINE - timedelta(hours=3), "boundaries": {0: 10, 1: 20}},
        (),
    ),
    "one-partition-is-behind": ({"committed": {0: 99, 1: 200}}, ((0, 1),)),
    "all-partitions-are-behind": ({"committed": {0: 90, 1: 150}}, ((0, 10), (1, 50))),
    "nothing-is-committed": ({"committed": {}}, ((0, 100), (1, 200))),
    "nothing-is-committed-and-some-is-deleted": ({"committed": {}, "beginnings": {0: 60, 1: 0}}, ((0, 40), (1, 200))),
    "no-later-record-and-not-all-is-read": ({"boundaries": {0: None, 1: 200}}, ((0, 50),)),
    "the-broker-forgot-a-partition-that-has-a-boundary": ({"ends": {0: 150}, "committed": {0: 100}}, ((1, 200),)),
    "no-such-topic": ({"committed": {}, "beginnings": {}, "boundaries": {}, "ends": {}}, ()),
}


@pytest.mark.parametrize(("differing", "blocking"), OPEN.values(), ids=OPEN.keys())
def test_a_day_is_open(differing, blocking):
    found = state_of(**differing)
    assert not found.closed, found.reason
    assert found.blocking == blocking


REASONS = {
    "closed": ({}, "2025-03-01 (Asia/Seoul) is closed: all 2 partitions are committed past it"),
    "behind": (
        {"committed": {0: 90, 1: 150}},
        "2025-03-01 (Asia/Seoul) is open: its reader is behind on partition 0 by 10 records, partition 1 by 50 records",
    ),
    "too-early": (
        {"now": datetime(2025, 3, 1, 14, 0, tzinfo=UTC)},
        "2025-03-01 (Asia/Seoul) is open: records count for it until 2025-03-01 15:10:00 UTC",
    ),
    "no-topic": (
        {"committed": {}, "boundaries": {}, "ends": {}},
        "2025-03-01 (Asia/Seoul) is open: its topic is not on the broker",
    ),
}


@pytest.mark.parametrize(("differing", "reason"), REASONS.values(), ids=REASONS.keys())
def test_the_reason_tells_what_the_day_waits_for(differing, reason):
    assert state_of(**differing).reason == reason
