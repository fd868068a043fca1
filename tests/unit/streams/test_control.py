"""Stop, start and restart: what is done in which order, on fakes of Airflow and YARN that share one diary."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from soh.airflow_api import DagRun, RunState, TaskInstance
from soh.errors import AppNotGone, BadInput, ServerUnreachable
from soh.specs.streams import LAKE
from soh.streams.control import Action, control
from soh.yarn import AppState, YarnApp

NOW = datetime.now(tz=UTC)


class World:
    """Airflow and YARN in one: without an open run the next one starts when the Dag's file is read; an open run
    that was cleared launches when the old driver is gone."""

    def __init__(self, *, paused=False, task_state="deferred", running=True):
        self.diary = []
        self.paused = paused
        self.task_state = task_state
        self.alive = ["application_1_1"] if running else []
        self.open_runs = ["run_1"] if running else []
        self.immortal = False
        self.late_submission = None
        self.launches = True

    # Airflow

    def is_paused(self, dag_id):
        assert dag_id == "stream__lake"
        return self.paused

    def pause(self, dag_id):
        self.diary.append("pause")
        self.paused = True

    def unpause(self, dag_id):
        self.diary.append("unpause")
        self.paused = False

    def runs(self, dag_id, *states):
        assert set(states) == {RunState.QUEUED, RunState.RUNNING}
        return [
            DagRun(dag_id=dag_id, run_id=run, state=RunState.RUNNING, started=NOW, ended=None) for run in self.open_runs
        ]

    def mark(self, dag_id, run_id, state):
        self.diary.append(f"mark {run_id} {state}")
        self.open_runs.remove(run_id)

    def clear(self, dag_id, run_id):
        assert run_id in self.open_runs
        self.diary.append(f"clear {run_id}")

    def reparse(self, dag_id):
        self.diary.append("reparse")
        self._next_run()

    def task_instances(self, dag_id, run_id):
        return [TaskInstance(task_id="run__app", state=self.task_state, try_number=1)]

    def _next_run(self):
        if not self.paused and self.launches and not self.open_runs:
            self.open_runs.append("run_2")
            self.alive = ["application_1_2"]

    # YARN

    def apps(self, tag):
        assert tag == LAKE.yarn_tag
        return [self.app(app_id) for app_id in self.alive]

    def app(self, app_id):
        return YarnApp(
            id=app_id,
            name="soh lake",
            state=AppState.RUNNING if app_id in self.alive else AppState.KILLED,
            final_state="UNDEFINED",
            tags=frozenset(),
            started=NOW,
            finished=None if app_id in self.alive else NOW,
        )

    def kill(self, app_id):
        self.diary.append(f"kill {app_id}")
        self.alive.remove(app_id)

    def wait_until_gone(self, app_id, within):
        if self.immortal:
            raise AppNotGone(app_id)
        self.diary.append(f"gone {app_id}")
        if "clear run_1" in self.diary and self.launches:
            self.alive.append("application_1_2")

    # Time

    def sleep(self, seconds):
        if self.late_submission:
            self.alive.append(self.late_submission)
            self.late_submission = None


def do(action, world, app="lake"):
    told = []
    control(action, app, world, world, told.append, sleep=world.sleep)
    return told


def test_stop_pauses_then_kills_then_confirms_then_marks():
    world = World()
    told = do(Action.STOP, world)
    assert world.diary == ["pause", "kill application_1_1", "gone application_1_1", "mark run_1 failed"]
    assert told[-1] == "lake is stopped"
    assert world.alive == []


def test_stop_does_not_mark_a_run_whose_driver_is_not_proven_gone():
    world = World()
    world.immortal = True
    with pytest.raises(AppNotGone):
        do(Action.STOP, world)
    assert "mark run_1 failed" not in world.diary
    assert world.paused


def test_a_second_stop_finds_nothing_to_do():
    world = World(paused=True, running=False)
    assert do(Action.STOP, world)[-1] == "lake is stopped; nothing of it was running"
    assert world.diary == ["pause"]


def test_stop_during_a_launch_kills_what_reaches_yarn_later():
    world = World(task_state="running")
    world.alive = []
    world.late_submission = "application_1_7"
    do(Action.STOP, world)
    assert world.diary == ["pause", "mark run_1 failed", "kill application_1_7", "gone application_1_7"]
    assert world.alive == []


def test_start_unpauses_and_has_the_dag_file_read_so_that_the_next_run_comes_at_once():
    world = World(paused=True, running=False)
    do(Action.START, world)
    assert world.diary == ["unpause", "reparse"]
    assert world.alive


def test_start_of_a_running_app_changes_nothing():
    world = World()
    do(Action.START, world)
    assert world.alive == ["application_1_1"]
    assert world.open_runs == ["run_1"]


def test_restart_clears_the_run_and_returns_when_another_driver_is_there():
    world = World()
    told = do(Action.RESTART, world)
    assert world.diary == ["clear run_1", "kill application_1_1", "gone application_1_1"]
    assert world.alive == ["application_1_2"]
    assert "application_1_2" in told[-1]


def test_restart_of_an_app_whose_dag_was_merely_paused_unpauses_it_first():
    world = World(paused=True)
    do(Action.RESTART, world)
    assert world.diary[:3] == ["unpause", "reparse", "clear run_1"]
    assert world.alive == ["application_1_2"]


def test_restart_of_a_stopped_app_starts_it():
    world = World(paused=True, running=False)
    do(Action.RESTART, world)
    assert world.diary == ["unpause", "reparse"]
    assert world.alive


def test_restart_says_so_when_no_driver_comes():
    world = World()
    world.launches = False
    with pytest.raises(ServerUnreachable, match="stream__lake"):
        do(Action.RESTART, world)


def test_an_app_that_nobody_declared_is_refused_with_the_names_there_are():
    with pytest.raises(BadInput, match=r"'lakes'.*lake"):
        do(Action.STOP, World(), app="lakes")


def test_an_action_has_the_words_of_the_command_line():
    assert [str(action) for action in Action] == ["stop", "start", "restart"]
