"""The nightly batch, triggered as CI would, while the streams go on writing."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import psutil
import pytest
from tests.end_to_end.scratch import FACILITIES, RECOVERY, wait_for

from soh.local import processes
from soh.specs import FLEETS, TABLES, VIEWS

WITHIN = timedelta(minutes=15)
"""Four Spark apps, one after the other, beside two that stream."""
OVER = {"success", "failed", "skipped", "upstream_failed"}


@pytest.fixture
def api(platform):
    return platform.airflow


@pytest.fixture(scope="module", autouse=True)
def no_training(platform):
    """No training follows the night: it would wait in the same pool, and be in front of the one that is asked for."""
    platform.airflow.pause("soh_retrain")
    yield
    platform.airflow.forget_events("soh_retrain")
    platform.airflow.unpause("soh_retrain")


def today() -> str:
    return datetime.now(ZoneInfo(FLEETS["heat"].table.time_zone)).date().isoformat()


def table(platform, name="heat_raw"):
    return next(table for table in platform.status()["tables"] if table["name"] == name)


def kill_while_it_runs(platform, api, task_id: str, server: str) -> None:
    """kill -9 of a server as soon as the process of a task works on the lake."""

    def at_work():
        state = {task.task_id: task.state for task in api.task_instances("batch_nightly", "by_cli")}[task_id]
        assert state not in OVER, f"{task_id} is {state} before anything was killed"
        begun = any("soh.lake.columns" in words(process) for process in processes.of(platform.home))
        return state == "running" and begun

    wait_for(at_work, 300, f"{task_id} to run", every=0.2)
    os.kill(platform.supervisor.pid(server), signal.SIGKILL)


def words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_triggered_from_the_command_line_it_ends_well_although_hdfs_and_s3_are_killed_in_the_middle(platform, api):
    wait_for(lambda: table(platform)["files"] > 8, 180, "some small files")
    wait_for(lambda: platform.landed(FLEETS["heat"]), 180, "grades on S3")
    before, batch = table(platform), platform.stream("heat_to_lake")["committed_batch"]
    conf = json.dumps({"day": today(), "only_closed": False})
    done = platform.soh("airflow", "dags", "trigger", "batch_nightly", "--run-id", "by_cli", "--conf", conf)
    assert done.returncode == 0, done.stderr
    kill_while_it_runs(platform, api, "compact__heat_raw", "namenode")
    kill_while_it_runs(platform, api, "fold__heat_pf", "s3proxy")
    run = api.wait("batch_nightly", "by_cli", WITHIN)
    assert run.state == "success", {t.task_id: t.state for t in api.task_instances("batch_nightly", "by_cli")}
    after = table(platform)
    assert after["files"] < before["files"] + 10
    assert after["rows"] > before["rows"]
    wait_for(lambda: platform.stream("heat_to_lake")["committed_batch"] > batch, RECOVERY, "the stream to go on")


def test_so_small_a_day_was_done_without_spark(platform, api):
    report = api.xcom("batch_nightly", "by_cli", "report")
    assert {report[name]["engine"] for name in TABLES if name in report} == {"local"}
    assert {report["landings"][fleet.scores.name]["engine"] for fleet in FLEETS.values()} == {"local"}


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


def test_with_engine_spark_the_same_night_is_done_on_yarn_and_finds_what_came_since(platform, api):
    wait_for(lambda: table(platform)["files"] > 8, 240, "some small files")
    conf = {"day": today(), "only_closed": False, "engine": "spark"}
    run_id = api.trigger("batch_nightly", conf)
    run = api.wait("batch_nightly", run_id, WITHIN)
    assert run.state == "success", {t.task_id: t.state for t in api.task_instances("batch_nightly", run_id)}
    report = api.xcom("batch_nightly", run_id, "report")
    heat, fold = report["heat_raw"], report["landings"][FLEETS["heat"].scores.name]
    assert (heat["engine"], heat["compacted"], heat["duplicates"]) == ("spark", True, 0)
    assert heat["files_after"] < heat["files_before"]
    assert (fold["engine"], fold["folded"], fold["missing"], fold["unreadable"]) == ("spark", True, 0, 0)
    assert table(platform, "heat_grades")["rows"] == sum(fold["positions"].values())
    assert {view["source_rows"] for name, view in report["views"].items() if name.startswith("heat_grades")} == {
        report["heat_grades"]["rows"]
    }
