"""What `./soh up` waits for once the services run: history, readings, grades, a night, classifiers, a green watch."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta

from soh.airflow_api import AirflowApi, DagRun, RunState
from soh.errors import SetupFailed
from soh.hdfs import Hdfs
from soh.kafka.history import history
from soh.lake.catalog import table_figures
from soh.local.configs import TSDB_READER
from soh.local.home import Home
from soh.local.supervisor import wait_for
from soh.serving.tsdb import Tsdb
from soh.settings import Endpoints
from soh.specs import STREAMS, FleetSpec, HistoryState, StreamSpec, TableSpec
from soh.status import models
from soh.streams import checkpoint

Say = Callable[[str], None]

FIRST_GRADE_WITHIN = timedelta(minutes=1)
"""How long all else waits for it."""
READINGS_WITHIN = timedelta(minutes=6)
NIGHT_WITHIN = timedelta(minutes=15)

STANDSTILL = timedelta(minutes=10)
"""A history that has not come further for this long does not come."""

_NIGHT, _TRAINING, _WATCH = "batch_nightly", "soh_retrain", "consumer_watch"
_OVER = frozenset({"success", "skipped", "failed", "upstream_failed"})
_AT_WORK = frozenset({"running", "deferred"})
"""States of tasks in Airflow's words; a task that waits for a place in its pool is neither."""
_ASK_EVERY = timedelta(seconds=3)
"""Between two questions to Airflow, which needs the machine for the work that is waited for."""


def wait_for_history(home: Home, fleets: Sequence[FleetSpec], say: Say) -> str:
    """Wait until what fleets send of the time before their first start is in Kafka, and from there in the lake."""
    hdfs = Hdfs(home.endpoints.webhdfs, home.endpoints.hdfs_user)
    told, moved_at = "", time.monotonic()
    while left := _history_left(home, hdfs, fleets):
        if left != told:
            told, moved_at = left, time.monotonic()
            say(left)
        if time.monotonic() - moved_at > STANDSTILL.total_seconds():
            raise SetupFailed(f"for {STANDSTILL} nothing has moved: {left}; see ./soh status and ./soh logs fleet-heat")
        time.sleep(1)
    found = {fleet.readings.name: history(home.endpoints.kafka, fleet, fleet.readings.name) for fleet in fleets}
    return ", ".join(f"{sum(past.ends.values()):,} of {topic}" for topic, past in found.items() if past) or "none"


def _history_left(home: Home, hdfs: Hdfs, fleets: Sequence[FleetSpec]) -> str:
    """What is still missing of the fleets' history, for people; nothing when it is all in the lake."""
    left = []
    for fleet in fleets:
        for stream in _streams_to_lake(fleet):
            topic = stream.reads.name
            past = history(home.endpoints.kafka, fleet, topic)
            if past is None:
                continue
            if past.state is HistoryState.SENDING:
                left.append(f"{fleet.name}: {_progress(home, fleet)}")
                break
            read = checkpoint.read(hdfs, Endpoints.checkpoint(stream.name)).positions.get(topic, {})
            if missing := sum(max(0, end - read.get(partition, 0)) for partition, end in past.ends.items()):
                left.append(f"{missing:,} of {topic} on their way to the lake")
    return "; ".join(left)


def _streams_to_lake(fleet: FleetSpec) -> list[StreamSpec]:
    topics = (fleet.readings, fleet.inspections)
    return [stream for stream in STREAMS.values() if stream.reads in topics and isinstance(stream.writes, TableSpec)]


def _progress(home: Home, fleet: FleetSpec) -> str:
    """How far a fleet says that it is."""
    try:
        return str(json.loads((home.fleet_state / f"{fleet.name}.json").read_text())["history"] or "about to be sent")
    except (OSError, ValueError, KeyError):
        return "about to be sent"


def wait_for_readings(home: Home, fleets: Sequence[FleetSpec], say: Say) -> None:
    """Wait until every fleet has readings in the lake, in enough small files for a compaction to have work."""
    hdfs = Hdfs(home.endpoints.webhdfs, home.endpoints.hdfs_user)
    names = [fleet.table.name for fleet in fleets]
    files = {stream.writes.name: stream.files_per_batch for stream in STREAMS.values()}
    enough = {fleet.table.name: math.ceil(fleet.table.small_files / files[fleet.table.name]) for fleet in fleets}

    def arrived() -> bool:
        found = {t.name: t for t in table_figures(home.endpoints, home.app_secrets, hdfs, names)}
        say(", ".join(f"{name}: {t.rows} rows in {t.files} files" for name, t in found.items()) or "no table yet")
        # Every commit adds files, and compactions take them away again: so count the snapshots.
        return all(name in found and found[name].snapshots >= enough[name] for name in names)

    wait_for(arrived, READINGS_WITHIN, f"readings in {', '.join(names)}; see ./soh status")


def wait_for_first_grade(home: Home, fleets: Sequence[FleetSpec], say: Say) -> str:
    """Give the first grade the machine for itself for a while; it comes later where a long history is still sent."""
    deadline = time.monotonic() + FIRST_GRADE_WITHIN.total_seconds()
    with closing(_grades(home)) as tsdb:
        while not (found := [fleet.name for fleet in fleets if tsdb.latest(fleet)]):
            if time.monotonic() > deadline:
                return "not yet: all else starts beside it"
            say("none yet")
            time.sleep(0.5)
    return f"of {', '.join(found)}"


def wait_for_grades(home: Home, fleets: Sequence[FleetSpec], say: Say) -> str:
    """Wait until facilities of every fleet have a grade in the time-series database."""
    with closing(_grades(home)) as tsdb:

        def graded() -> str:
            counts = {fleet.name: len(tsdb.latest(fleet)) for fleet in fleets}
            told = ", ".join(f"{name}: {count} facilities" for name, count in counts.items())
            say(told)
            return told if all(counts.values()) else ""

        return wait_for(graded, READINGS_WITHIN, "a grade of every fleet in InfluxDB; see ./soh logs scores-to-tsdb")


def _grades(home: Home) -> Tsdb:
    return Tsdb(home.endpoints.tsdb, home.endpoints.tsdb_database, TSDB_READER, home.secrets["tsdb_reader"])


def wait_for_night(api: AirflowApi, say: Say) -> str:
    """Wait for the night that Airflow makes up for by itself as soon as it may: that of the last day that ended."""

    def ended() -> str:
        if done := api.runs(_NIGHT, RunState.SUCCESS, limit=1):
            return done[0].run_id
        runs = api.runs(_NIGHT, limit=1)
        if runs and runs[0].state is RunState.FAILED:
            raise SetupFailed(f"{_NIGHT} run {runs[0].run_id} failed: see it at {api.url}/dags/{_NIGHT}/runs")
        # Trainings take turns with the tasks of the night.
        say("; ".join(_told(api, run) for run in [*runs, *api.runs(_TRAINING, limit=1)]))
        return ""

    run_id = wait_for(ended, NIGHT_WITHIN, f"a run of {_NIGHT} to end: {api.url}/dags/{_NIGHT}", _ASK_EVERY)
    figures = api.xcom(_NIGHT, run_id, "report")
    rows, before, after = (figures["total"][name] for name in ("rows", "files_before", "files_after"))
    return f"{figures['day']}: {rows:,} rows, {before:,} files before, {after:,} after"


def _told(api: AirflowApi, run: DagRun) -> str:
    """How far a run has come, in a few words."""
    tasks = api.task_instances(run.dag_id, run.run_id)
    done = sum(task.state in _OVER for task in tasks)
    at_work = [task.task_id for task in tasks if task.state in _AT_WORK]
    return f"{run.dag_id}: {done} of {len(tasks)} tasks done{''.join(f', {name} runs' for name in at_work)}"


def wait_for_classifiers(home: Home, api: AirflowApi, say: Say) -> str:
    """Wait for the training that the nightly batch brings about, and until the streams grade with what it promoted."""

    def trained() -> bool:
        runs = api.runs(_TRAINING, RunState.SUCCESS, RunState.FAILED, limit=1)
        if runs and runs[0].state is RunState.FAILED:
            raise SetupFailed(f"{_TRAINING} run {runs[0].run_id} failed: see it at {api.url}/dags/{_TRAINING}/runs")
        return bool(runs)

    wait_for(trained, NIGHT_WITHIN, f"a run of {_TRAINING} to end: {api.url}/dags/{_TRAINING}", _ASK_EVERY)

    def told() -> str:
        found = models(home.endpoints, home.app_secrets)
        say(", ".join(f"{model['fleet']} by {model['in_use']}" for model in found))
        behind = [m for m in found if m["in_use"] and m["version"] and m["in_use"] != str(m["version"])]
        return "" if behind else "; ".join(_grading(model) for model in found)

    return wait_for(told, timedelta(minutes=2), "the streams to grade with the champions; see ./soh status")


def _grading(model: dict[str, object]) -> str:
    if model["version"] is None:
        return f"{model['fleet']}: no champion yet, graded by {model['in_use']}"
    return f"{model['fleet']}: version {model['version']}, macro-F1 {model['macro_f1']:.3f}"


def wait_for_watch(api: AirflowApi) -> str:
    """Wait until the watch has found that every reader of Kafka moves."""

    def green() -> bool:
        runs = api.runs(_WATCH, RunState.SUCCESS, RunState.FAILED, limit=1)
        return bool(runs) and runs[0].state is RunState.SUCCESS

    wait_for(green, timedelta(minutes=6), f"a green run of {_WATCH}: {api.url}/dags/{_WATCH}", _ASK_EVERY)
    return "green"
