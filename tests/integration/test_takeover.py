"""Kill, prove gone, adopt: on a real ResourceManager and real NodeManagers, with an app that only sleeps."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from soh.errors import ServerUnreachable
from soh.streams import takeover
from soh.streams.launch import run_tag
from soh.streams.takeover import clear_the_way, end_all
from soh.yarn import AppState, ResourceManager

WORK = "soh_app_sleeper"
OWN, OTHER = run_tag("stream__sleeper", "this"), run_tag("stream__sleeper", "another")
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def cluster(servers):
    return ResourceManager(servers.home.endpoints.yarn)


@pytest.fixture(autouse=True)
def nothing_left(cluster):
    yield
    end_all(cluster, WORK, lambda _: None)


def launch(cluster, *tags):
    """Start an app whose driver does not heed SIGTERM; return when its container runs, and heeds it no more."""
    new = requests.post(f"{cluster.url}/ws/v1/cluster/apps/new-application", timeout=10).json()["application-id"]
    deaf = Path(tempfile.gettempdir()) / f"soh-{new}"
    command = f"bash -c 'trap : TERM; touch {deaf}; while :; do sleep 1; done'"
    app = {
        "application-id": new,
        "application-name": "sleeper",
        "application-type": "TEST",
        "application-tags": {"tag": list(tags)},
        "max-app-attempts": 1,
        "am-container-spec": {"commands": {"command": command}},
        "resource": {"memory": 256, "vCores": 1},
    }
    requests.post(f"{cluster.url}/ws/v1/cluster/apps", json=app, timeout=10).raise_for_status()
    deadline = time.monotonic() + 60
    while not (deaf.exists() and cluster.containers(new)):
        assert time.monotonic() < deadline, cluster.app(new)
        time.sleep(0.2)
    deaf.unlink()
    return new


def clear(cluster, sleep=time.sleep):
    return clear_the_way(cluster, WORK, OWN, lambda _: None, sleep=sleep)


def test_an_app_is_found_by_its_tags_and_tells_where_its_log_is(cluster):
    app_id = launch(cluster, WORK, OWN)
    (app,) = [app for app in cluster.apps(WORK) if app.alive]
    assert (app.id, app.state) == (app_id, AppState.ACCEPTED)
    assert {WORK, OWN} <= app.tags
    assert requests.get(app.log_url, timeout=10).ok
    assert app.driver_node in app.log_url
    assert abs(app.started - datetime.now(tz=UTC)) < MINUTE


def test_this_run_s_app_is_adopted(cluster):
    app_id = launch(cluster, WORK, OWN)
    slept = []
    assert clear(cluster, slept.append) == app_id
    assert slept == [10.0]


def test_a_killed_app_has_ended_before_it_is_gone(cluster):
    app_id = launch(cluster, WORK, OTHER)
    cluster.kill(app_id)
    left_behind = 0
    while cluster.app(app_id).alive or cluster.containers(app_id):
        left_behind += not cluster.app(app_id).alive
        time.sleep(0.02)
    assert left_behind > 0, "the ResourceManager does not call a killed app ended before it is gone any more"


def test_another_run_s_app_is_killed_and_gone_when_the_way_is_clear(cluster):
    app_id = launch(cluster, WORK, OTHER)
    assert clear(cluster) is None
    assert cluster.app(app_id).state is AppState.KILLED
    assert cluster.containers(app_id) == []


def test_while_a_node_manager_is_down_nothing_is_proven_gone(cluster, servers, monkeypatch):
    monkeypatch.setattr(takeover, "GONE_WITHIN", timedelta(seconds=3))
    launch(cluster, WORK, OTHER)
    stopped = [service for name, service in servers.services.items() if name.startswith("nodemanager")]
    servers.supervisor.stop([service.name for service in stopped])
    try:
        with pytest.raises(ServerUnreachable):
            clear(cluster)
    finally:
        servers.supervisor.start(stopped)
        servers.wait(stopped)
    monkeypatch.setattr(takeover, "GONE_WITHIN", MINUTE)
    assert clear(cluster) is None
