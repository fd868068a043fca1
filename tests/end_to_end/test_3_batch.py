"""The nightly batch, triggered as CI and as a program would, while the streams go on writing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.end_to_end.scratch import wait_for

from soh.airflow_api import AirflowApi
from soh.specs import FLEETS

WITHIN = timedelta(minutes=12)
"""Eight Spark apps, one after the other, beside two that stream."""


@pytest.fixture
def api(platform):
    return AirflowApi(platform.home.endpoints.airflow, "admin", platform.home.secrets["airflow_admin"])


def today() -> str:
    return datetime.now(ZoneInfo(FLEETS["heat"].table.time_zone)).date().isoformat()


def table(platform, name="heat_raw"):
    return next(table for table in platform.status()["tables"] if table["name"] == name)


def test_triggered_from_the_command_line_it_compacts_beside_the_running_stream(platform, api):
    wait_for(lambda: table(platform)["files"] > 8, 180, "some small files")
    before, batch = table(platform), platform.stream("heat_to_lake")["committed_batch"]
    conf = json.dumps({"day": today(), "only_closed": False})
    done = platform.soh("airflow", "dags", "trigger", "batch_nightly", "--run-id", "by_cli", "--conf", conf)
    assert done.returncode == 0, done.stderr
    run = api.wait("batch_nightly", "by_cli", WITHIN)
    assert run.state == "success", {t.task_id: t.state for t in api.task_instances("batch_nightly", "by_cli")}
    after = table(platform)
    assert after["files"] < before["files"] + 10
    assert after["rows"] > before["rows"]
    assert platform.stream("heat_to_lake")["committed_batch"] > batch


def test_its_figures_say_fewer_files_and_equal_rows(platform, api):
    heat = api.xcom("batch_nightly", "by_cli", "report")["heat_raw"]
    assert heat["files_after"] < heat["files_before"]
    assert heat["rows"] > 0
    assert heat["duplicates"] == 0


def test_triggered_through_rest_without_a_day_it_takes_the_last_closed_one(platform, api):
    run_id = api.trigger("batch_nightly")
    run = api.wait("batch_nightly", run_id, WITHIN)
    assert run.state == "success", {t.task_id: t.state for t in api.task_instances("batch_nightly", run_id)}
