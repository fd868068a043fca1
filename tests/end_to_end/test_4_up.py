"""A newcomer's first minutes: one command, and the main job runs."""

from __future__ import annotations

import json
import time

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
    began = time.monotonic()
    done = platform.soh("status", "--json")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began <= 5
    found = json.loads(done.stdout.splitlines()[-1])
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


def test_every_dag_is_loaded_and_runs(platform):
    assert platform.airflow.import_errors() == {}
    assert [dag_id for dag_id, paused in platform.airflow.dags().items() if paused] == []
