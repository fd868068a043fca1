"""kill -9 of every part: the streams come back by themselves, with one driver at every moment, and nothing is lost."""

from __future__ import annotations

import pytest
from tests.end_to_end.counts import assert_each_once, count_all
from tests.end_to_end.faults import VICTIMS, DriverCount, kill, kill_and_recover, streams, unread
from tests.end_to_end.scratch import FACILITIES, RECOVERY, wait_for

from soh.kafka.positions import Positions
from soh.local import processes
from soh.specs import FLEETS, STREAM_APPS
from soh.specs.groups import SCORES_TO_S3

WAVES = (
    ("driver of scoring", "InfluxDB"),
    ("executors", "scheduler"),
    ("NodeManager", "scores-to-s3"),
    ("ResourceManager", "NameNode", "fleet"),
    ("broker", "triggerer", "S3"),
    ("DataNode", "all of Airflow", "scores-to-tsdb"),
    # After all of Airflow: the triggerer that supervises it now was not there when it was launched.
    ("driver of lake",),
)
"""Victims that die together: none of a wave needs another one of it to come back."""


@pytest.fixture(scope="module")
def driver_count(platform):
    count = DriverCount(platform)
    count.start()
    yield count
    count.stop()


def test_every_victim_is_in_one_wave():
    assert sorted(victim for wave in WAVES for victim in wave) == sorted(VICTIMS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("wave", WAVES, ids=", ".join)
def test_after_kill_9_the_streams_commit_again(platform, driver_count, wave):
    kill_and_recover(platform, wave)


def test_a_killed_service_lands_what_it_had_read_and_not_committed(platform):
    """What was lost would show when everything is counted; here it is seen that it goes on where it had committed."""
    topic = FLEETS["heat"].scores.name
    positions = Positions(platform.home.endpoints.kafka)

    def committed():
        return sum(positions.committed(SCORES_TO_S3.name, topic).values())

    before = committed()
    # Until its time is over an object of each partition is open, and what is in it is in no commit.
    wait_for(lambda: unread(platform, SCORES_TO_S3, [topic]) > FACILITIES, RECOVERY, "grades in open objects")
    kill(platform, ["scores-to-s3"])
    end = sum(positions.ends(topic).values())
    assert before <= committed() < end
    wait_for(lambda: committed() >= end, RECOVERY, "the service that was started again to land what was open")


def test_a_killed_scheduler_leaves_no_workers_behind(platform):
    living = [p for p in processes.of(platform.home) if p.ppid() == 1 and "LocalExecutor" in " ".join(p.cmdline())]
    assert living == []


@pytest.mark.timeout(900)
def test_a_copy_that_was_stopped_goes_on_where_it_stopped(platform):
    before = streams(platform)
    down = platform.soh("down", timeout=300)
    assert down.returncode == 0, down.stdout + down.stderr
    assert processes.of(platform.home) == []
    up = platform.up()
    assert up.returncode == 0, up.stdout + up.stderr
    assert {name: stream["state"] for name, stream in streams(platform).items()} == dict.fromkeys(before, "RUNNING")

    def gone_on():
        return all(
            stream["committed_batch"] > before[name]["committed_batch"] for name, stream in streams(platform).items()
        )

    wait_for(gone_on, RECOVERY, "a batch after those of before")
    assert {app: len(platform.drivers(app)) for app in STREAM_APPS} == dict.fromkeys(STREAM_APPS, 1)


@pytest.mark.timeout(600)
def test_there_was_never_more_than_one_driver(driver_count):
    assert all(driver_count.counts[app, 1] > 0 for app in STREAM_APPS)
    assert driver_count.too_many == []


@pytest.fixture(scope="module")
def counts(platform):
    return count_all(platform)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("fleet", FLEETS)
def test_what_kafka_acknowledged_is_in_the_lake_graded_in_the_database_and_on_s3_each_once(platform, counts, fleet):
    if fleet not in counts:
        pytest.skip(f"fleet-{fleet} is off: no recording at hand")
    assert_each_once(counts[fleet])
