"""What `./soh up` waits for once the services run: readings, grades, a compacted day, a classifier, a green watch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from soh.airflow_api import AirflowApi, RunState
from soh.errors import SetupFailed
from soh.hdfs import Hdfs
from soh.lake.catalog import table_figures
from soh.local.configs import TSDB_READER
from soh.local.home import Home
from soh.local.supervisor import wait_for
from soh.serving.tsdb import Tsdb
from soh.specs import FleetSpec
from soh.status import models

Say = Callable[[str], None]

READINGS_WITHIN = timedelta(minutes=6)
NIGHT_WITHIN = timedelta(minutes=15)

FIRST_NIGHT = "first_night__"
"""Begins the id of the nightly run that `./soh up` triggers once for a newcomer to look at."""


def wait_for_readings(home: Home, fleets: Sequence[FleetSpec], say: Say) -> None:
    """Wait until every fleet has readings in the lake, in enough small files for a compaction to have work."""
    hdfs = Hdfs(home.endpoints.webhdfs, home.endpoints.hdfs_user)
    names = [fleet.table.name for fleet in fleets]
    enough = {fleet.table.name: fleet.table.small_files for fleet in fleets}

    def arrived() -> bool:
        found = {t.name: t for t in table_figures(home.endpoints, home.secrets["catalog_db"], hdfs, names)}
        say(", ".join(f"{name}: {t.rows} rows in {t.files} files" for name, t in found.items()) or "no table yet")
        # Every commit adds a file, and compactions take them away again: so count the snapshots.
        return all(name in found and found[name].snapshots >= enough[name] for name in names)

    wait_for(arrived, READINGS_WITHIN, f"readings in {', '.join(names)}; see ./soh status")


def wait_for_grades(home: Home, fleets: Sequence[FleetSpec], say: Say) -> str:
    """Wait until facilities of every fleet have a grade in the time-series database."""
    tsdb = Tsdb(home.endpoints.tsdb, home.endpoints.tsdb_database, TSDB_READER, home.secrets["tsdb_reader"])

    def graded() -> str:
        counts = {fleet.name: len(tsdb.latest(fleet)) for fleet in fleets}
        told = ", ".join(f"{name}: {count} facilities" for name, count in counts.items())
        say(told)
        return told if all(counts.values()) else ""

    try:
        return wait_for(graded, READINGS_WITHIN, "a grade of every fleet in InfluxDB; see ./soh logs scores-to-tsdb")
    finally:
        tsdb.close()


def compact(api: AirflowApi, fleet: FleetSpec, say: Say) -> str:
    """Run the nightly batch once for the day so far, so that a newcomer sees what it does."""
    if any(run.run_id.startswith(FIRST_NIGHT) and run.state is RunState.SUCCESS for run in api.runs("batch_nightly")):
        return "ran before"
    now = datetime.now(ZoneInfo(fleet.table.time_zone))
    conf = {"day": now.date().isoformat(), "only_closed": False}
    run_id = api.trigger("batch_nightly", conf, run_id=f"{FIRST_NIGHT}{now:%Y%m%dT%H%M%S}")
    say(f"run {run_id}")
    run = api.wait("batch_nightly", run_id, NIGHT_WITHIN)
    if run.state is not RunState.SUCCESS:
        raise SetupFailed(f"batch_nightly run {run_id} is {run.state}: see it at {api.url}/dags/batch_nightly/runs")
    return f"{conf['day']} compacted, run {run_id}"


def wait_for_classifiers(home: Home, api: AirflowApi, say: Say) -> str:
    """Wait for the training that the nightly batch brings about, and until the streams grade with what it promoted."""

    def trained() -> bool:
        runs = api.runs("soh_retrain", RunState.SUCCESS, RunState.FAILED, limit=1)
        if runs and runs[0].state is RunState.FAILED:
            raise SetupFailed(f"soh_retrain run {runs[0].run_id} failed: see it at {api.url}/dags/soh_retrain/runs")
        return bool(runs)

    wait_for(trained, NIGHT_WITHIN, f"a run of soh_retrain to end: {api.url}/dags/soh_retrain")

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
        runs = api.runs("consumer_watch", RunState.SUCCESS, RunState.FAILED, limit=1)
        return bool(runs) and runs[0].state is RunState.SUCCESS

    wait_for(green, timedelta(minutes=6), f"a green run of consumer_watch: {api.url}/dags/consumer_watch")
    return "green"
