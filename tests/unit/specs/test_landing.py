"""The names of landed objects: built and read back, sorted by offset, and refused when they are another's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from soh.errors import BadInput
from soh.specs.groups import SCORES_TO_S3
from soh.specs.landing import EVERY, LandedObject, hour_of, hour_prefix

HOUR = datetime(2026, 1, 9, 7, tzinfo=UTC)
KEY = "landing/heat_pf/2026/01/09/07/2-00000000000000000005-00000000000000000123.jsonl.gz"


def landed(**changes):
    given = {"topic": "heat_pf", "partition": 2, "first": 5, "last": 123, "hour": HOUR} | changes
    return LandedObject(**given)


def test_a_key_names_topic_hour_partition_and_offsets():
    assert landed().key == KEY


@pytest.mark.parametrize(
    "changes",
    [{}, {"partition": 0}, {"partition": 17}, {"first": 123}, {"last": 2**63 - 1}, {"topic": "hydraulic_soh"}],
    ids=str,
)
def test_what_is_read_from_a_key_is_what_it_was_built_from(changes):
    assert LandedObject.parse(landed(**changes).key) == landed(**changes)


def test_keys_of_a_partition_and_an_hour_sort_by_offset():
    keys = [landed(first=first, last=first + 8).key for first in (0, 9, 10, 99, 100, 10**12)]
    assert keys == sorted(keys)


def test_every_key_of_an_hour_begins_with_its_prefix_and_no_other_key_does():
    prefix = hour_prefix("heat_pf", HOUR)
    assert landed().key.startswith(prefix)
    for other in (landed(hour=HOUR + timedelta(hours=1)), landed(hour=HOUR + timedelta(days=1)), landed(topic="heat")):
        assert not other.key.startswith(prefix)


def test_an_hour_is_one_of_utc_wherever_the_clock_stands():
    seoul = datetime(2026, 1, 9, 16, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=9)))
    assert hour_of(seoul) == HOUR
    assert hour_prefix("heat_pf", seoul) == hour_prefix("heat_pf", HOUR)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="nothing"),
        pytest.param(KEY.removeprefix("landing/"), id="another-prefix"),
        pytest.param(KEY.removesuffix(".gz"), id="not-compressed"),
        pytest.param(f"{KEY}.partial", id="something-behind"),
        pytest.param(KEY.replace("2026/01", "2026/13"), id="no-such-month"),
        pytest.param(KEY.replace("09/07", "09/24"), id="no-such-hour"),
        pytest.param(KEY.replace("/07/2-", "/07/02-"), id="partition-in-another-form"),
        pytest.param(KEY.replace("-00000000000000000005-", "-5-"), id="offset-not-padded"),
        pytest.param(KEY.replace("00123", "00003"), id="last-before-first"),
    ],
)
def test_a_key_of_no_landed_object_is_refused_by_its_name(key):
    with pytest.raises(BadInput, match=r"no landed object|no object holds"):
        LandedObject.parse(key)


@pytest.mark.parametrize(
    "changes",
    [{"first": -1}, {"last": 4}, {"partition": -1}, {"hour": HOUR + timedelta(minutes=1)}],
    ids=["negative-offset", "last-before-first", "negative-partition", "no-whole-hour"],
)
def test_an_object_that_could_not_be_is_refused(changes):
    with pytest.raises(BadInput):
        landed(**changes)


def test_the_watch_waits_for_more_than_two_objects_before_it_calls_the_service_still():
    assert SCORES_TO_S3.stall_after > 2 * EVERY
