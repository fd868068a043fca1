"""What a copy shows as soon as its streams run, while `./soh up` still waits for its first night."""

from __future__ import annotations

from datetime import timedelta

import requests

from soh.local import processes
from soh.local.class_archive import ARCHIVE
from soh.specs import FLEETS


def test_readings_of_every_running_fleet_are_in_the_lake(streaming):
    rows = {table["name"]: table["rows"] for table in streaming.status()["tables"]}
    fleets = [fleet for fleet in FLEETS.values() if streaming.data or not fleet.needs_data]
    assert [fleet.name for fleet in fleets if not rows[fleet.table.name]] == []


def test_drivers_and_executors_share_one_archive_of_their_classes(streaming):
    roles = ("ApplicationMaster", "ExecutorBackend")
    found = [
        [part for part in process.memory_maps(grouped=False) if part.path == str(ARCHIVE)]
        for process in processes.of(streaming.home)
        if process.name() == "java" and any(word.endswith(roles) for word in process.cmdline())
    ]
    assert len(found) >= 4
    for parts in found:
        # A JVM that cannot map it where it was made for copies every page.
        assert [part.private_dirty for part in parts if "w" not in part.perms] == [0]


def test_status_for_people_shows_what_runs_by_name(streaming):
    shown = streaming.soh("status").stdout
    for name in ("heat_to_lake", "kafka-1", "heat_raw", "airflow-triggerer"):
        assert name in shown


def test_logs_shows_a_service_and_names_those_there_are_when_asked_for_another(streaming):
    assert streaming.soh("logs", "namenode").stdout.strip()
    wrong = streaming.soh("logs", "namenod")
    assert wrong.returncode != 0
    assert "namenode" in wrong.stderr


def test_pages_and_api_refuse_who_is_not_signed_in(streaming):
    answer = requests.get(f"{streaming.home.endpoints.airflow}/api/v2/dags", timeout=10)
    assert answer.status_code == 401


def test_the_check_of_the_platform_is_green_when_triggered_from_the_command_line(streaming):
    done = streaming.soh("airflow", "dags", "trigger", "platform_check", "--run-id", "from_ci")
    assert done.returncode == 0, done.stderr
    run = streaming.airflow.wait("platform_check", "from_ci", within=timedelta(minutes=4))
    states = {task.task_id: task.state for task in streaming.airflow.task_instances("platform_check", "from_ci")}
    assert run.state == "success", states
