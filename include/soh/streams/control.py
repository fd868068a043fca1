"""Stop, start and restart a stream app, for `./soh streams` and the Dag `stream_control` alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from soh.airflow_api import DagRun, RunState, TaskInstance
from soh.errors import BadInput, ServerUnreachable
from soh.specs import STREAM_APPS, StreamAppSpec
from soh.streams.takeover import Cluster, Say, end_all, end_app

SUBMISSION_DIES_WITHIN = timedelta(seconds=60)
"""From marking a run failed until its worker has noticed and a spark-submit under way is dead."""

BACK_WITHIN = timedelta(minutes=3)
"""From the order to restart until YARN lists another driver; 15 s when all is well."""

_AT_A_WORKER = frozenset({"queued", "running", "restarting"})


class Action(StrEnum):
    """What people do to a stream app."""

    STOP = "stop"
    START = "start"
    RESTART = "restart"


class Scheduler(Protocol):
    """What is asked of Airflow here."""

    def is_paused(self, dag_id: str) -> bool: ...
    def pause(self, dag_id: str) -> None: ...
    def unpause(self, dag_id: str) -> None: ...
    def runs(self, dag_id: str, *states: RunState) -> list[DagRun]: ...
    def mark(self, dag_id: str, run_id: str, state: RunState) -> None: ...
    def clear(self, dag_id: str, run_id: str) -> None: ...
    def reparse(self, dag_id: str) -> None: ...
    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]: ...


def control(
    action: Action,
    app_name: str,
    airflow: Scheduler,
    cluster: Cluster,
    say: Say,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Do `action` to the stream app of that name; raises BadInput for a name that is not declared."""
    app = STREAM_APPS.get(app_name)
    if app is None:
        raise BadInput(f"there is no stream app {app_name!r}; there are {', '.join(STREAM_APPS)}")
    match action:
        case Action.STOP:
            _stop(app, airflow, cluster, say, sleep)
        case Action.START:
            _start(app, airflow, say)
        case Action.RESTART:
            _restart(app, airflow, cluster, say, sleep)


def _stop(app: StreamAppSpec, airflow: Scheduler, cluster: Cluster, say: Say, sleep: Callable[[float], None]) -> None:
    # In this order: without the pause the next run starts at once; and a task whose app dies under a
    # paused Dag stays scheduled for ever, so its run is marked last.
    airflow.pause(app.dag_id)
    say(f"{app.dag_id} is paused: no next run starts")
    ended = end_all(cluster, app.yarn_tag, say)
    launching = False
    for run in _open_runs(app, airflow):
        states = {task.state for task in airflow.task_instances(app.dag_id, run.run_id)}
        launching = launching or bool(states & _AT_A_WORKER)
        airflow.mark(app.dag_id, run.run_id, RunState.FAILED)
        say(f"run {run.run_id} is marked failed")
    if launching:
        say("a launch was under way: watching that it does not reach YARN")
        for _ in range(int(SUBMISSION_DIES_WITHIN.total_seconds() // 5)):
            sleep(5)
            ended += end_all(cluster, app.yarn_tag, say)
    else:
        ended += end_all(cluster, app.yarn_tag, say)
    say(f"{app.name} is stopped" if ended else f"{app.name} is stopped; nothing of it was running")


def _start(app: StreamAppSpec, airflow: Scheduler, say: Say) -> None:
    airflow.unpause(app.dag_id)
    airflow.reparse(app.dag_id)
    say(f"{app.dag_id} is unpaused: a run of it launches {app.name} within seconds, if none does already")


def _restart(
    app: StreamAppSpec, airflow: Scheduler, cluster: Cluster, say: Say, sleep: Callable[[float], None]
) -> None:
    before, runs = _living(app, cluster), _open_runs(app, airflow)
    if airflow.is_paused(app.dag_id) or not runs:
        say(f"{app.name} was stopped")
        _start(app, airflow, say)
    # The same run goes on with another driver: it kills the old one too, if it is the first to get there.
    for run in runs:
        airflow.clear(app.dag_id, run.run_id)
        say(f"run {run.run_id} is cleared: it launches anew when the old driver is gone")
    for app_id in sorted(before):
        end_app(cluster, app_id)
        say(f"{app_id} is gone: no NodeManager lists a container of it")
    for _ in range(int(BACK_WITHIN.total_seconds())):
        if new := _living(app, cluster):
            say(f"{app.name} is back as {', '.join(sorted(new))}")
            return
        sleep(1)
    raise ServerUnreachable(
        f"{app.name}: no new driver within {BACK_WITHIN}; look at the log of the Dag {app.dag_id}, which may be "
        "waiting after short lifetimes in a row"
    )


def _living(app: StreamAppSpec, cluster: Cluster) -> set[str]:
    return {found.id for found in cluster.apps(app.yarn_tag) if found.alive}


def _open_runs(app: StreamAppSpec, airflow: Scheduler) -> list[DagRun]:
    return airflow.runs(app.dag_id, RunState.QUEUED, RunState.RUNNING)
