"""One driver at a time: kill, prove gone, adopt; on a server that answers like YARN."""

from __future__ import annotations

from datetime import timedelta

import pytest

from soh.errors import AppNotGone, ServerUnreachable
from soh.streams import takeover
from soh.streams.launch import run_tag
from soh.streams.takeover import clear_the_way, end_all, end_app
from soh.yarn import ResourceManager

WORK = "soh_app_lake"
OWN, OTHER = run_tag("stream__lake", "this"), run_tag("stream__lake", "another")


@pytest.fixture
def cluster(yarn):
    return ResourceManager(yarn.url, look_every=timedelta(milliseconds=20))


@pytest.fixture
def told():
    return []


def clear(cluster, told, on_second_look=lambda: None):
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        on_second_look()

    return clear_the_way(cluster, WORK, OWN, told.append, sleep=sleep), slept


def test_nothing_in_the_way_is_a_launch_at_once(cluster, told):
    assert clear(cluster, told) == (None, [])


def test_an_app_of_this_run_is_adopted_after_a_second_look_10_seconds_later(yarn, cluster, told):
    yarn.add("application_1_1", "RUNNING", WORK, OWN)
    assert clear(cluster, told) == ("application_1_1", [10.0])
    assert yarn.killed == []


def test_an_app_of_this_run_that_dies_before_the_second_look_is_not_adopted(yarn, cluster, told):
    yarn.add("application_1_1", "RUNNING", WORK, OWN)
    adopted, slept = clear(cluster, told, lambda: yarn.end("application_1_1", "KILLED", "KILLED"))
    assert (adopted, slept) == (None, [10.0])


def test_an_app_that_waits_in_accepted_is_adopted_too(yarn, cluster, told):
    yarn.add("application_1_1", "ACCEPTED", WORK, OWN)
    assert clear(cluster, told)[0] == "application_1_1"


def test_another_run_s_app_is_killed_and_proven_gone_before_a_launch(yarn, cluster, told):
    yarn.add("application_1_1", "RUNNING", WORK, OTHER)
    yarn.dies_after = 2
    assert clear(cluster, told) == (None, [])
    assert yarn.killed == ["application_1_1"]
    assert yarn.containers == {}


def test_an_app_of_other_work_is_left_alone(yarn, cluster, told):
    yarn.add("application_1_1", "RUNNING", "soh_app_scoring", OTHER)
    assert clear(cluster, told)[0] is None
    assert yarn.killed == []


def test_no_launch_while_a_container_of_an_app_that_has_just_ended_is_listed(yarn, cluster, told, monkeypatch):
    monkeypatch.setattr(takeover, "GONE_WITHIN", timedelta(seconds=0.2))
    yarn.add("application_1_1", "FAILED", WORK, OTHER)
    yarn.containers["container_e01_1_1_01_000001"] = "RUNNING"
    with pytest.raises(AppNotGone, match="container_e01_1_1_01_000001"):
        clear(cluster, told)


def test_no_launch_when_a_node_manager_cannot_say_what_it_runs(yarn, cluster, told, monkeypatch):
    monkeypatch.setattr(takeover, "GONE_WITHIN", timedelta(seconds=0.2))
    yarn.add("application_1_1", "KILLED", WORK, OTHER)
    yarn.nodes_down = True
    with pytest.raises(ServerUnreachable):
        clear(cluster, told)


def test_end_app_returns_when_the_app_is_gone(yarn, cluster):
    yarn.add("application_1_1", "RUNNING", WORK, OTHER)
    yarn.dies_after = 1
    end_app(cluster, "application_1_1")
    assert not cluster.app("application_1_1").alive
    assert yarn.containers == {}


def test_end_app_says_so_when_the_app_does_not_die(yarn, cluster):
    yarn.add("application_1_1", "RUNNING", WORK, OTHER)
    yarn.dies_after = 1000
    with pytest.raises(AppNotGone, match="application_1_1"):
        end_app(cluster, "application_1_1", within=timedelta(seconds=1))


def test_end_all_kills_the_living_and_proves_the_lately_dead(yarn, cluster, told):
    yarn.add("application_1_1", "RUNNING", WORK, OTHER)
    yarn.add("application_1_2", "KILLED", WORK, OTHER)
    assert end_all(cluster, WORK, told.append) == ["application_1_1"]
    assert yarn.killed == ["application_1_1"]
    assert end_all(cluster, WORK, told.append) == []
