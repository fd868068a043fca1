"""kill -9 of every part: the streams come back by themselves, with one driver at every moment, and nothing is lost."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter, defaultdict

import pytest
from tests.end_to_end.scratch import FACILITIES, RECOVERY, DriverCount, wait_for

from soh.kafka.history import history
from soh.kafka.positions import Positions
from soh.local import processes
from soh.specs import FLEETS, STREAM_APPS, STREAMS, TableSpec
from soh.specs.groups import SCORES_TO_S3, SCORES_TO_TSDB

AIRFLOW = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")


@pytest.fixture(scope="module")
def driver_count(platform):
    count = DriverCount(platform)
    count.start()
    yield count
    count.stop()


def group_lag(platform, group, fleets):
    """Unread grades of some fleets."""
    topics = {fleet.scores.name for fleet in fleets}
    found = [told for told in platform.status()["groups"] if told["name"] == group.name and told["topic"] in topics]
    assert {told["topic"] for told in found if told["lag"] is not None} == topics
    return sum(told["lag"] for told in found)


def kill(pids: list[int]) -> None:
    assert pids, "nothing to kill: the part does not run"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


VICTIMS = {
    "driver of lake": lambda p: [process.pid for process in p.drivers("lake")],
    "driver of scoring": lambda p: [process.pid for process in p.drivers("scoring")],
    "executors": lambda p: [process.pid for process in p.executors()],
    "nodemanager": lambda p: [p.supervisor.pid("nodemanager-1")],
    "resourcemanager": lambda p: [p.supervisor.pid("resourcemanager")],
    "namenode": lambda p: [p.supervisor.pid("namenode")],
    "datanode": lambda p: [p.supervisor.pid("datanode-1")],
    "broker": lambda p: [p.supervisor.pid("kafka-2")],
    "scores-to-tsdb": lambda p: [p.supervisor.pid("scores-to-tsdb")],
    "influxdb": lambda p: [p.supervisor.pid("influxdb")],
    "scores-to-s3": lambda p: [p.supervisor.pid("scores-to-s3")],
    "s3proxy": lambda p: [p.supervisor.pid("s3proxy")],
    "scheduler": lambda p: [p.supervisor.pid("airflow-scheduler")],
    "triggerer": lambda p: [p.supervisor.pid("airflow-triggerer")],
    "all of Airflow": lambda p: [p.supervisor.pid(name) for name in AIRFLOW],
    "fleet": lambda p: [p.supervisor.pid("fleet-heat")],
    # Once more, for the triggerer that supervises it now was not there when it was launched.
    "driver of lake after all of Airflow": lambda p: [process.pid for process in p.drivers("lake")],
}
WATCHED = ("heat_to_lake", "heat_scoring")


def streams(found):
    return {stream["name"]: stream for stream in found["streams"] if stream["name"] in WATCHED}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("victim", VICTIMS)
def test_after_kill_9_the_streams_commit_again(platform, driver_count, victim):
    wait_for(lambda: all(len(platform.drivers(app)) == 1 for app in STREAM_APPS), RECOVERY, "the drivers")
    before = streams(platform.status())
    kill(VICTIMS[victim](platform))

    def recovered():
        found = platform.status()
        return (
            set(found["services"].values()) == {"running"}
            and all(
                stream["state"] == "RUNNING"
                and stream["committed_batch"] is not None
                and stream["committed_batch"] >= before[name]["committed_batch"] + 2
                for name, stream in streams(found).items()
            )
            and not found["unanswered"]
        )

    wait_for(recovered, RECOVERY, f"commits after kill -9 of the {victim}")
    for name, stream in streams(platform.status()).items():
        if f"driver of {stream['app']}" not in victim:
            # Nothing but the driver's own death may cost the driver.
            assert stream["yarn_app_id"] == before[name]["yarn_app_id"]


def test_a_database_that_is_away_for_two_minutes_costs_no_grade(platform):
    """What was lost would show in the equality below; here it is seen that the grades wait and are written then."""

    def lag():
        return group_lag(platform, SCORES_TO_TSDB, FLEETS.values())

    platform.supervisor.stop(["influxdb"])
    time.sleep(120)
    assert lag() > FACILITIES
    assert platform.status()["services"]["scores-to-tsdb"] == "running"
    platform.supervisor._rpc.startProcess("influxdb", False)
    wait_for(lambda: lag() <= FACILITIES, RECOVERY, "the grades that waited to be written")


def test_a_killed_service_lands_what_it_had_read_and_not_committed(platform):
    """What was lost would show in the equality below; here it is seen that it goes on where it had committed."""
    fleet = FLEETS["heat"]

    def committed():
        return sum(Positions(platform.home.endpoints.kafka).committed(SCORES_TO_S3.name, fleet.scores.name).values())

    before = committed()
    # Within a minute at least one object of each partition is open, and what is in it is in no commit.
    wait_for(lambda: group_lag(platform, SCORES_TO_S3, [fleet]) > FACILITIES, RECOVERY, "grades in open objects")
    kill([platform.supervisor.pid("scores-to-s3")])
    end = sum(Positions(platform.home.endpoints.kafka).ends(fleet.scores.name).values())
    assert before <= committed() < end
    wait_for(lambda: committed() >= end, RECOVERY, "the service that was started again to land what was open")


def test_a_killed_scheduler_leaves_no_workers_behind(platform):
    living = [p for p in processes.of(platform.home) if p.ppid() == 1 and "LocalExecutor" in " ".join(p.cmdline())]
    assert living == []


@pytest.mark.timeout(900)
def test_a_copy_that_was_stopped_goes_on_where_it_stopped(platform):
    before = streams(platform.status())
    down = platform.soh("down", timeout=300)
    assert down.returncode == 0, down.stdout + down.stderr
    assert processes.of(platform.home) == []
    up = platform.up()
    assert up.returncode == 0, platform.output
    for name, stream in streams(platform.status()).items():
        assert stream["state"] == "RUNNING"
        assert stream["committed_batch"] > before[name]["committed_batch"]
    assert {app: len(platform.drivers(app)) for app in STREAM_APPS} == dict.fromkeys(STREAM_APPS, 1)


@pytest.mark.timeout(600)
def test_there_was_never_more_than_one_driver(driver_count):
    assert all(driver_count.counts[app, 1] > 0 for app in STREAM_APPS)
    assert driver_count.too_many == []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("fleet", FLEETS.values(), ids=lambda fleet: fleet.name)
def test_what_kafka_acknowledged_is_in_the_lake_graded_in_the_database_and_on_s3_each_once(platform, fleet):
    service = f"fleet-{fleet.name}"
    if service not in platform.supervisor.states():
        pytest.skip(f"{service} is off: no recording at hand")
    platform.supervisor.stop([service])
    try:
        sent = {
            (record.partition(), record.offset())
            for record in platform.kafka_records(fleet.readings.name)
            if record.key() != b"poison"
        }
        stream = next(s for s in STREAMS.values() if s.reads == fleet.readings and isinstance(s.writes, TableSpec))
        wait_for(lambda: platform.stream(stream.name)["lag"] == 0, RECOVERY, f"{stream.name} to have read everything")
        rows = platform.lake_rows(fleet.table.name)
        wait_for(lambda: platform.stream(f"{fleet.name}_scoring")["lag"] == 0, RECOVERY, "every reading to be graded")
        for group in (SCORES_TO_TSDB, SCORES_TO_S3):
            wait_for(
                lambda group=group: group_lag(platform, group, [fleet]) == 0,
                RECOVERY,
                f"{group.name} to have read everything",
            )
        scores, points = platform.scores_by_place(fleet), platform.points(fleet)
        # Nights have folded some of what has landed; what a fold takes meanwhile is in both, never in neither.
        landed, folded = platform.landed(fleet), platform.lake_rows(fleet.grades_table.name)
        past = history(platform.home.endpoints.kafka, fleet, fleet.readings.name)
    finally:
        platform.supervisor._rpc.startProcess(service, False)
    places = Counter((partition, offset) for (_, _, partition, offset), n in rows.items() for _ in range(n))
    assert {place: n for place, n in places.items() if n > 1} == {}, "rows that are in the lake twice"
    assert set(places) - sent == set(), "rows that Kafka does not have"
    assert sent - set(places) == set(), "records that are not in the lake"
    graded = defaultdict(list)
    for score in scores.values():
        graded[score["source_partition"], score["source_offset"]].append(score)
    # What a fleet sent of the time before its first start is archived, not graded.
    present = {(partition, offset) for partition, offset in sent if offset >= past.ends[partition]}
    assert 0 < len(present) < len(sent)
    assert present - set(graded) == set(), "readings that are not graded"
    assert set(graded) - present == set(), "grades of the past, or of readings that Kafka does not have"
    # A batch cut off by a fault is repeated: what it says the second time must be what it said the first time.
    assert [place for place, said in graded.items() if any(score != said[0] for score in said)] == []
    written = Counter((int(point["sensor_id"]), point["seq"]) for point in points)
    assert {key: n for key, n in written.items() if n > 1} == {}, "grades that are in the database twice"
    in_the_lake = {(row[0], row[1]) for row in rows if (row[2], row[3]) in present}
    assert set(written) == in_the_lake, "the database and the lake differ"
    # Made unique by partition and offset, S3 has what the topic of the grades has: no more, no less, nothing else.
    assert {row: n for row, n in folded.items() if n > 1} == {}, "grades that were folded twice"
    on_s3 = set(landed) | {(partition, offset) for _, _, partition, offset in folded}
    assert folded, "no night has folded anything"
    assert {place: said for place, said in landed.items() if len(said) > 1} == {}, "records that landed as two things"
    assert on_s3 - set(scores) == set(), "records on S3 that Kafka does not have"
    assert set(scores) - on_s3 == set(), "grades that did not land"
    assert {place: value for place, (value,) in landed.items() if value != scores[place]} == {}
    seqs_on_s3 = {(value["sensor_id"], value["seq"]) for (value,) in landed.values()}
    seqs_on_s3 |= {(facility, seq) for facility, seq, _, _ in folded}
    assert seqs_on_s3 == set(written), "S3 and the database differ"
    for facility in {row[0] for row in rows}:
        seqs = sorted(seq for f, seq, _, _ in rows if f == facility)
        assert seqs == list(range(len(seqs))), f"facility {facility}: seq is not 0, 1, 2, ... each once"
