"""Stop, start and restart of a stream app, by command, while the database of the grades is away."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from tests.end_to_end.faults import unread
from tests.end_to_end.scratch import FACILITIES, RECOVERY, wait_for

from soh.specs.groups import SCORES_TO_TSDB

AWAY = timedelta(minutes=2)


@pytest.fixture(scope="module", autouse=True)
def away_since(platform):
    """When the database was stopped: nothing of what is done meanwhile needs it."""
    platform.stop_services("influxdb")
    yield time.monotonic()
    if platform.supervisor.states()["influxdb"] not in {"running", "starting"}:
        platform.start_services("influxdb")


def app_id(platform):
    return platform.stream("heat_to_lake")["yarn_app_id"]


def commits_again(platform):
    now = datetime.now(tz=UTC)
    wait_for(lambda: platform.committed_since("heat_to_lake", now), RECOVERY, "another commit")


def test_restart_replaces_the_driver_and_goes_on(platform):
    before = app_id(platform)
    done = platform.soh("streams", "restart", "lake")
    assert done.returncode == 0, done.stderr
    assert app_id(platform) != before
    commits_again(platform)
    assert len(platform.drivers()) == 1


def test_stop_leaves_no_driver_and_start_brings_one_back(platform):
    done = platform.soh("streams", "stop", "lake")
    assert done.returncode == 0, done.stderr
    assert platform.drivers() == []
    before = app_id(platform)
    done = platform.soh("streams", "start", "lake")
    assert done.returncode == 0, done.stderr
    wait_for(lambda: app_id(platform) != before, 120, "a new app")
    commits_again(platform)


def test_an_app_that_nobody_declared_is_refused_with_the_names_there_are(platform):
    done = platform.soh("streams", "stop", "lakes")
    assert done.returncode != 0
    assert "lake" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away_for_two_minutes_costs_no_grade(platform, away_since):
    """What was lost would show when everything is counted; here it is seen that the grades wait and are written."""

    def lag():
        return unread(platform, SCORES_TO_TSDB, [topic.name for topic in SCORES_TO_TSDB.reads])

    time.sleep(max(0.0, away_since + AWAY.total_seconds() - time.monotonic()))
    assert lag() > FACILITIES
    assert platform.status()["services"]["scores-to-tsdb"] == "running"
    platform.start_services("influxdb")
    wait_for(lambda: lag() <= FACILITIES, RECOVERY, "the grades that waited to be written")
