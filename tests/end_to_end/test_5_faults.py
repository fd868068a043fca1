"""kill -9 of every part: the stream comes back by itself, with one driver at every moment, and nothing is lost."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest
from tests.end_to_end.scratch import RECOVERY, DriverCount, wait_for

from soh.local import processes
from soh.specs import FLEETS, STREAMS, TableSpec

AIRFLOW = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")


@pytest.fixture(scope="module")
def driver_count(platform):
    count = DriverCount(platform)
    count.start()
    yield count
    count.stop()


def kill(pids: list[int]) -> None:
    assert pids, "nothing to kill: the part does not run"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


VICTIMS = {
    "driver": lambda p: [process.pid for process in p.drivers()],
    "executor": lambda p: [process.pid for process in p.executors()],
    "nodemanager": lambda p: [p.supervisor.pid("nodemanager-1")],
    "resourcemanager": lambda p: [p.supervisor.pid("resourcemanager")],
    "datanode": lambda p: [p.supervisor.pid("datanode-1")],
    "broker": lambda p: [p.supervisor.pid("kafka-2")],
    "scheduler": lambda p: [p.supervisor.pid("airflow-scheduler")],
    "triggerer": lambda p: [p.supervisor.pid("airflow-triggerer")],
    "all of Airflow": lambda p: [p.supervisor.pid(name) for name in AIRFLOW],
    "fleet": lambda p: [p.supervisor.pid("fleet-heat")],
    # Once more, for the triggerer that supervises it now was not there when it was launched.
    "driver after all of Airflow": lambda p: [process.pid for process in p.drivers()],
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("victim", VICTIMS)
def test_after_kill_9_the_stream_commits_again(platform, driver_count, victim):
    wait_for(lambda: len(platform.drivers()) == 1, RECOVERY, "one driver before the fault")
    before = platform.stream("heat_to_lake")
    kill(VICTIMS[victim](platform))

    def recovered():
        found = platform.status()
        stream = next(s for s in found["streams"] if s["name"] == "heat_to_lake")
        return (
            set(found["services"].values()) == {"running"}
            and stream["state"] == "RUNNING"
            and stream["committed_batch"] is not None
            and stream["committed_batch"] >= before["committed_batch"] + 2
            and not found["unanswered"]
        )

    wait_for(recovered, RECOVERY, f"commits after kill -9 of the {victim}")
    if not victim.startswith("driver"):
        # Nothing but the driver's own death may cost the driver.
        assert platform.stream("heat_to_lake")["yarn_app_id"] == before["yarn_app_id"]


def test_a_killed_scheduler_leaves_no_workers_behind(platform):
    living = [p for p in processes.of(platform.home) if p.ppid() == 1 and "LocalExecutor" in " ".join(p.cmdline())]
    assert living == []


@pytest.mark.timeout(600)
def test_there_was_never_more_than_one_driver(driver_count):
    assert driver_count.counts[1] > 0
    assert driver_count.too_many == []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("fleet", FLEETS.values(), ids=lambda fleet: fleet.name)
def test_what_kafka_acknowledged_is_in_the_lake_each_once(platform, fleet):
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
    finally:
        platform.supervisor._rpc.startProcess(service, False)
    places = Counter((partition, offset) for (_, _, partition, offset), n in rows.items() for _ in range(n))
    assert {place: n for place, n in places.items() if n > 1} == {}, "rows that are in the lake twice"
    assert set(places) - sent == set(), "rows that Kafka does not have"
    assert sent - set(places) == set(), "records that are not in the lake"
    for facility in {row[0] for row in rows}:
        seqs = sorted(seq for f, seq, _, _ in rows if f == facility)
        assert seqs == list(range(len(seqs))), f"facility {facility}: seq is not 0, 1, 2, ... each once"
