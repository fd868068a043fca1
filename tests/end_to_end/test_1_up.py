"""A newcomer's first minutes: one command, and the main job runs."""

from __future__ import annotations

import time
from datetime import timedelta

import requests

from soh.airflow_api import AirflowApi
from soh.local import processes
from soh.local.class_archive import ARCHIVE
from soh.specs import CONSUMER_GROUPS, FLEETS, STREAMS, TABLES, TOPICS, VIEWS


def test_up_ends_by_saying_where_things_are_and_how_to_stop(platform):
    home = platform.home
    for part in (home.endpoints.airflow, "admin", "secrets.json", "./soh down", "stream__lake"):
        assert part in platform.output
    assert home.secrets["airflow_admin"] not in platform.output


def test_up_again_starts_nothing_and_ends_well(platform):
    pids = {name: platform.supervisor.pid(name) for name in platform.supervisor.states()}
    began = time.monotonic()
    done = platform.up()
    assert done.returncode == 0, done.stderr
    assert {name: platform.supervisor.pid(name) for name in pids} == pids
    assert "started" not in done.stderr
    assert time.monotonic() - began < 120


def test_status_tells_every_part_without_starting_spark(platform):
    platform.soh("status", "--json")
    began = time.monotonic()
    found = platform.status()
    assert time.monotonic() - began <= 5
    assert set(found["services"].values()) == {"running"}
    assert found["unanswered"] == []
    assert {stream["name"] for stream in found["streams"]} == set(STREAMS)
    running = {stream["name"]: stream for stream in found["streams"]}["heat_to_lake"]
    assert running["state"] == "RUNNING"
    assert running["yarn_app_id"].startswith("application_")
    assert running["committed_batch"] > 0
    assert running["dag_id"] == "stream__lake"
    assert running["last_commit_at"]
    assert {topic["name"] for topic in found["topics"]} == set(TOPICS)
    tables = {table["name"]: table for table in found["tables"]}
    assert set(tables) == set(TABLES) | set(VIEWS)
    assert tables["heat_raw"]["rows"] > 0
    assert {(group["name"], group["topic"]): group["lag"] is not None for group in found["groups"]} == {
        (group.name, topic.name): True for group in CONSUMER_GROUPS.values() for topic in group.reads
    }
    assert [model["fleet"] for model in found["models"]] == list(FLEETS)


def test_readings_of_every_running_fleet_are_in_the_lake(platform):
    rows = {table["name"]: table["rows"] for table in platform.status()["tables"]}
    fleets = [fleet for fleet in FLEETS.values() if platform.data or not fleet.needs_data]
    assert [fleet.name for fleet in fleets if not rows[fleet.table.name]] == []


def test_drivers_and_executors_share_one_archive_of_their_classes(platform):
    roles = ("ApplicationMaster", "ExecutorBackend")
    found = [
        [part for part in process.memory_maps(grouped=False) if part.path == str(ARCHIVE)]
        for process in processes.of(platform.home)
        if process.name() == "java" and any(word.endswith(roles) for word in process.cmdline())
    ]
    assert len(found) >= 4
    for parts in found:
        # A JVM that cannot map it where it was made for copies every page.
        assert [part.private_dirty for part in parts if "w" not in part.perms] == [0]


def test_status_for_people_shows_the_same_names(platform):
    shown = platform.soh("status").stdout
    for name in ("heat_to_lake", "kafka-1", "heat_raw", "airflow-triggerer"):
        assert name in shown


def test_logs_shows_a_service_and_names_those_there_are_when_asked_for_another(platform):
    assert platform.soh("logs", "namenode").stdout.strip()
    wrong = platform.soh("logs", "namenod")
    assert wrong.returncode != 0
    assert "namenode" in wrong.stderr


def test_every_dag_is_loaded_and_runs(platform):
    home = platform.home
    api = AirflowApi(home.endpoints.airflow, "admin", home.secrets["airflow_admin"])
    assert api.import_errors() == {}
    assert [dag_id for dag_id, paused in api.dags().items() if paused] == []


def test_pages_and_api_refuse_who_is_not_signed_in(platform):
    answer = requests.get(f"{platform.home.endpoints.airflow}/api/v2/dags", timeout=10)
    assert answer.status_code == 401


def test_the_check_of_the_platform_is_green_when_triggered_from_the_command_line(platform):
    done = platform.soh("airflow", "dags", "trigger", "platform_check", "--run-id", "from_ci")
    assert done.returncode == 0, done.stderr
    api = AirflowApi(platform.home.endpoints.airflow, "admin", platform.home.secrets["airflow_admin"])
    run = api.wait("platform_check", "from_ci", within=timedelta(minutes=4))
    states = {task.task_id: task.state for task in api.task_instances("platform_check", "from_ci")}
    assert run.state == "success", states
