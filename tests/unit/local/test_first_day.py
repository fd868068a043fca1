"""What `./soh up` waits for at the end, and when it gives up."""

from __future__ import annotations

import json

import pytest

from soh.airflow_api import DagRun, RunState, TaskInstance
from soh.errors import SetupFailed
from soh.kafka.history import History
from soh.local import first_day, supervisor
from soh.specs import FLEETS, HistoryState
from soh.streams.checkpoint import Checkpoint

HEAT = FLEETS["heat"]
SENT = History(state=HistoryState.SENT, ends={0: 100, 1: 50})


class Clock:
    """Time that passes while somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (first_day, supervisor):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def kafka(monkeypatch):
    """What the history of the readings is, one answer a look; the last one stays. Inspections have none."""
    answers = []

    def history(bootstrap, fleet, topic):
        if topic != HEAT.readings.name:
            return None
        return answers.pop(0) if len(answers) > 1 else answers[0]

    monkeypatch.setattr(first_day, "history", history)
    return answers


@pytest.fixture
def lake(monkeypatch):
    """How far the stream to the lake has read, one answer a look; the last one stays."""
    answers = []

    def read(hdfs, path):
        positions = answers.pop(0) if len(answers) > 1 else answers[0]
        return Checkpoint(positions={HEAT.readings.name: positions})

    monkeypatch.setattr(first_day.checkpoint, "read", read)
    return answers


def test_a_history_is_waited_for_until_it_is_in_kafka_and_in_the_lake(home, clock, kafka, lake):
    kafka += [History(state=HistoryState.SENDING, ends={}), SENT]
    lake += [{}, {0: 60, 1: 50}, {0: 100, 1: 70}]
    home.fleet_state.mkdir(parents=True)
    (home.fleet_state / "heat.json").write_text(json.dumps({"history": "40 % of 24.0 h sent"}))
    said = []
    assert first_day.wait_for_history(home, [HEAT], said.append) == "150 of heat"
    assert said == [
        "heat: 40 % of 24.0 h sent",
        "150 of heat on their way to the lake",
        "40 of heat on their way to the lake",
    ]


def test_a_fleet_without_a_history_is_not_waited_for(home, clock, kafka, lake):
    kafka += [None]
    assert first_day.wait_for_history(home, [HEAT], print) == "none"
    assert clock.now == 0


def test_a_history_that_stands_still_is_given_up_with_what_is_missing(home, clock, kafka, lake):
    kafka += [SENT]
    lake += [{0: 60, 1: 50}]
    with pytest.raises(SetupFailed, match="nothing has moved: 40 of heat on their way to the lake"):
        first_day.wait_for_history(home, [HEAT], lambda _: None)
    assert clock.now == pytest.approx(first_day.STANDSTILL.total_seconds(), abs=2)


class Airflow:
    """Runs of the nightly batch by their states, newest first, and the report of each."""

    url = "http://127.0.0.1:8080"

    def __init__(self, *states):
        self.all = [
            DagRun(dag_id="batch_nightly", run_id=f"run_{number}", state=state, started=None, ended=None)
            for number, state in enumerate(states)
        ]

    def runs(self, dag_id, *states, limit=100):
        of_dag = [run for run in self.all if run.dag_id == dag_id]
        return [run for run in of_dag if not states or run.state in states][:limit]

    def task_instances(self, dag_id, run_id):
        states = {"choose__day": "success", "compact__heat_raw": "deferred", "fold__heat_pf": "scheduled"}
        return [TaskInstance(task_id=name, state=state, try_number=1) for name, state in states.items()]

    def xcom(self, dag_id, run_id, task_id):
        return {"day": run_id, "total": {"rows": 1_000_000, "files_before": 90, "files_after": 2}}


def test_the_first_night_is_told_by_its_figures():
    told = first_day.wait_for_night(Airflow(RunState.RUNNING, RunState.SUCCESS), print)
    assert told == "run_1: 1,000,000 rows, 90 files before, 2 after"


def test_a_night_under_way_is_told_by_its_tasks(clock):
    said = []
    with pytest.raises(SetupFailed, match="a run of batch_nightly to end"):
        first_day.wait_for_night(Airflow(RunState.RUNNING), said.append)
    assert said[0] == "batch_nightly: 1 of 3 tasks done, compact__heat_raw runs"


def test_a_first_night_that_failed_is_named():
    with pytest.raises(SetupFailed, match="run_0 failed: see it at http"):
        first_day.wait_for_night(Airflow(RunState.FAILED), print)


@pytest.fixture
def tsdb(monkeypatch):
    """The latest grades of a fleet that InfluxDB has, one answer a look; the last one stays."""
    answers = []

    class Tsdb:
        def __init__(self, *_):
            pass

        def latest(self, fleet):
            return answers.pop(0) if len(answers) > 1 else answers[0]

        def close(self):
            pass

    monkeypatch.setattr(first_day, "Tsdb", Tsdb)
    return answers


def test_the_first_grade_of_any_fleet_ends_the_wait_for_it(home, clock, tsdb):
    tsdb += [{}, {}, {}, {"1000": "a grade"}]
    assert first_day.wait_for_first_grade(home, [HEAT, FLEETS["hydraulic"]], lambda _: None) == "of hydraulic"
    assert clock.now == pytest.approx(0.5)


def test_a_first_grade_that_takes_long_keeps_nothing_else_waiting(home, clock, tsdb):
    tsdb += [{}]
    assert first_day.wait_for_first_grade(home, [HEAT], lambda _: None).startswith("not yet")
    assert clock.now == pytest.approx(first_day.FIRST_GRADE_WITHIN.total_seconds(), abs=1)
