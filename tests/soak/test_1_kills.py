"""kill -9 of every part, one after the other, each on a platform that is well."""

from __future__ import annotations

import pytest
from tests.end_to_end.faults import VICTIMS, DriverCount, kill_and_recover

from soh.specs import STREAM_APPS

DRILLS = (*VICTIMS, "driver of lake")
"""Every victim; the driver of lake once more, for the triggerer that supervises it then did not see its launch."""


@pytest.fixture(scope="module")
def driver_count(platform):
    count = DriverCount(platform)
    count.start()
    yield count
    count.stop()


@pytest.mark.parametrize("victim", DRILLS)
def test_after_kill_9_the_streams_commit_again(platform, driver_count, victim):
    kill_and_recover(platform, [victim])


def test_there_was_never_more_than_one_driver(driver_count):
    assert all(driver_count.counts[app, 1] > 0 for app in STREAM_APPS)
    assert driver_count.too_many == []
