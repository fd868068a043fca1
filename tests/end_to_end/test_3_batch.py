"""The nightly batch, triggered as CI and as a program would, while the streams go on writing."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.end_to_end.scratch import FACILITIES, RECOVERY, wait_for

from soh.airflow_api import AirflowApi
from soh.specs import FLEETS, TABLES, VIEWS, BatchAppSpec
from soh.specs.apps import COMPACT_DAY, FOLD_LANDING
from soh.yarn import AppState, ResourceManager

WITHIN = timedelta(minutes=15)
"""Four Spark apps, one after the other, beside two that stream; one may run twice because of what is killed."""


@pytest.fixture
def api(platform):
    return AirflowApi(platform.home.endpoints.airflow, "admin", platform.home.secrets["airflow_admin"])


@pytest.fixture(scope="module", autouse=True)
def trainings_afterwards(platform):
    """One training after all nights instead of one after each: they wait in the same pool."""
    api = AirflowApi(platform.home.endpoints.airflow, "admin", platform.home.secrets["airflow_admin"])
    api.pause("soh_retrain")
    yield
    api.unpause("soh_retrain")


def today() -> str:
    return datetime.now(ZoneInfo(FLEETS["heat"].table.time_zone)).date().isoformat()


def table(platform, name="heat_raw"):
    return next(table for table in platform.status()["tables"] if table["name"] == name)


def kill_while_it_runs(platform, app: BatchAppSpec, server: str) -> None:
    """kill -9 of a server some seconds after the app has begun."""
    yarn = ResourceManager(platform.home.endpoints.yarn)

    def running():
        return [found for found in yarn.apps(app.yarn_tag) if found.state is AppState.RUNNING]

    wait_for(running, 300, f"{app.name} to run")
    time.sleep(5)
    os.kill(platform.supervisor.pid(server), signal.SIGKILL)


def test_triggered_from_the_command_line_it_ends_well_although_hdfs_and_s3_are_killed_in_the_middle(platform, api):
    wait_for(lambda: table(platform)["files"] > 8, 180, "some small files")
    wait_for(lambda: platform.landed(FLEETS["heat"]), 180, "grades on S3")
    before, batch = table(platform), platform.stream("heat_to_lake")["committed_batch"]
    conf = json.dumps({"day": today(), "only_closed": False})
    done = platform.soh("airflow", "dags", "trigger", "batch_nightly", "--run-id", "by_cli", "--conf", conf)
    assert done.returncode == 0, done.stderr
    kill_while_it_runs(platform, COMPACT_DAY, "namenode")
    kill_while_it_runs(platform, FOLD_LANDING, "s3proxy")
    run = api.wait("batch_nightly", "by_cli", WITHIN)
    assert run.state == "success", {t.task_id: t.state for t in api.task_instances("batch_nightly", "by_cli")}
    after = table(platform)
    assert after["files"] < before["files"] + 10
    assert after["rows"] > before["rows"]
    wait_for(lambda: platform.stream("heat_to_lake")["committed_batch"] > batch, RECOVERY, "the stream to go on")


def test_its_figures_say_fewer_files_and_equal_rows_on_hdfs(platform, api):
    heat = api.xcom("batch_nightly", "by_cli", "report")["heat_raw"]
    assert heat["files_after"] < heat["files_before"]
    assert heat["rows"] > 0
    assert heat["duplicates"] == 0


def test_its_figures_say_that_what_had_landed_is_in_the_table_on_s3_and_nothing_is_missing(platform, api):
    report = api.xcom("batch_nightly", "by_cli", "report")
    fold = report["landings"][FLEETS["heat"].scores.name]
    assert (fold["missing"], fold["unreadable"], fold["foreign"]) == (0, 0, 0)
    assert table(platform, "heat_grades")["rows"] == sum(fold["positions"].values())


def test_its_views_count_every_reading_and_every_grade_of_the_day_by_hour_and_by_day(platform, api):
    report = api.xcom("batch_nightly", "by_cli", "report")
    views = report["views"]
    assert set(views) == set(VIEWS)
    for of, name in (("heat_raw", "heat"), ("heat_grades", "heat_grades")):
        hourly, daily = views[f"{name}_hourly"], views[f"{name}_daily"]
        assert hourly["source_rows"] == daily["source_rows"] >= report[of]["rows"] > 0
        assert daily["rows"] == FACILITIES <= hourly["rows"]
        assert table(platform, f"{name}_daily")["rows"] >= FACILITIES


def test_triggered_through_rest_without_a_day_it_finds_that_the_last_closed_one_needs_nothing_more(platform, api):
    run_id = api.trigger("batch_nightly")
    run = api.wait("batch_nightly", run_id, WITHIN)
    assert run.state == "success", {t.task_id: t.state for t in api.task_instances("batch_nightly", run_id)}
    report = api.xcom("batch_nightly", run_id, "report")
    assert not [name for name in TABLES if report.get(name, {}).get("compacted")]
    assert not [name for name, view in report["views"].items() if view["refreshed"]]
