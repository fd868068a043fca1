"""YARN over REST, against a small server that answers like it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.yarn import NOW

from soh.errors import AppNotGone, ServerUnreachable
from soh.yarn import LOST_FOR, AppState, Node, ResourceManager, parse_app

APP = "application_1700000000000_0001"
SOON = timedelta(seconds=3)


@pytest.fixture
def cluster(yarn):
    return ResourceManager(yarn.url, look_every=timedelta(milliseconds=20))


def test_apps_are_found_by_tag_oldest_first(yarn, cluster):
    yarn.add("application_1_2", "RUNNING", "soh_app_lake", "soh_run_b", started=NOW)
    yarn.add("application_1_1", "KILLED", "soh_app_lake", "soh_run_a", started=NOW - SOON, finished=NOW)
    yarn.add("application_1_3", "RUNNING", "soh_app_scoring")
    found = cluster.apps("soh_app_lake")
    assert [app.id for app in found] == ["application_1_1", "application_1_2"]
    assert found[1].tags == {"soh_app_lake", "soh_run_b"}


def test_no_app_with_the_tag_is_an_empty_list(cluster):
    assert cluster.apps("soh_app_lake") == []


def test_an_unknown_app_is_none(cluster):
    assert cluster.app(APP) is None


@pytest.mark.parametrize("state", ["NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING"])
def test_an_app_is_alive_until_it_has_ended(yarn, cluster, state):
    yarn.add(APP, state)
    app = cluster.app(APP)
    assert app.alive
    assert app.lifetime is None


@pytest.mark.parametrize(
    ("state", "final", "succeeded"),
    [
        ("FINISHED", "SUCCEEDED", True),
        ("FINISHED", "FAILED", False),
        ("FAILED", "FAILED", False),
        ("KILLED", "KILLED", False),
    ],
)
def test_an_ended_app_says_whether_it_succeeded(yarn, cluster, state, final, succeeded):
    yarn.add(APP, state, final=final, started=NOW - SOON, finished=NOW)
    app = cluster.app(APP)
    assert not app.alive
    assert app.succeeded is succeeded
    assert app.lifetime == SOON


def test_the_ending_names_the_state_the_reason_and_the_log(yarn, cluster):
    yarn.add(APP, "FAILED", diagnostics="Exit code: 137\n  killed by signal 9")
    ending = cluster.app(APP).ending
    assert ending == (
        f"{APP} (soh test) is FAILED, final state FAILED: Exit code: 137 killed by signal 9; "
        f"driver log: {yarn.url}/logs/1700000000000_0001"
    )


def test_an_app_without_optional_fields_is_read():
    app = parse_app({"id": APP, "name": "x", "state": "NEW", "finalStatus": "UNDEFINED", "startedTime": 0})
    assert (app.tags, app.log_url, app.driver_node, app.finished) == (frozenset(), "", "", None)
    assert app.state is AppState.NEW


def test_kill_asks_for_the_end_and_leaves_unknown_apps_alone(yarn, cluster):
    yarn.add(APP)
    cluster.kill(APP)
    cluster.kill("application_9_9")
    assert cluster.app(APP).state is AppState.KILLED
    assert yarn.killed == [APP, "application_9_9"]


def test_a_silent_resource_manager_is_unreachable_whatever_is_asked(yarn, cluster):
    yarn.down = True
    for ask in (cluster.nodes, lambda: cluster.apps("x"), lambda: cluster.app(APP), lambda: cluster.kill(APP)):
        with pytest.raises(ServerUnreachable, match=yarn.address):
            ask()


def test_a_closed_port_is_unreachable(yarn):
    cluster = ResourceManager("http://127.0.0.1:1")
    for ask in (cluster.nodes, lambda: cluster.kill(APP)):
        with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1"):
            ask()


def test_containers_are_those_of_the_app_whose_process_lives(yarn, cluster):
    yarn.add(APP, containers=2)
    yarn.add("application_1700000000000_00011", containers=1)
    yarn.containers["container_e01_1700000000000_0001_01_000009"] = "DONE"
    assert cluster.containers(APP) == [
        "container_e01_1700000000000_0001_01_000001",
        "container_e01_1700000000000_0001_01_000002",
    ]


def test_a_killed_app_is_not_gone_while_a_node_manager_lists_a_container(yarn, cluster):
    yarn.add(APP)
    yarn.dies_after = 2
    cluster.kill(APP)
    assert not cluster.app(APP).alive
    assert cluster.containers(APP)
    cluster.wait_until_gone(APP, timedelta(seconds=10))
    assert cluster.containers(APP) == []


def test_an_app_that_keeps_a_container_is_told_with_its_name(yarn, cluster):
    yarn.add(APP)
    with pytest.raises(AppNotGone, match="container_e01_1700000000000_0001_01_000001"):
        cluster.wait_until_gone(APP, timedelta(seconds=0))


def test_gone_cannot_be_proven_by_a_node_manager_that_does_not_answer(yarn, cluster):
    yarn.add(APP, "KILLED")
    yarn.nodes_down = True
    with pytest.raises(ServerUnreachable, match="node/containers"):
        cluster.wait_until_gone(APP, timedelta(seconds=0))


@pytest.mark.parametrize(
    ("state", "heard", "dead"),
    [
        pytest.param("RUNNING", NOW - timedelta(days=1), False, id="running"),
        pytest.param("UNHEALTHY", NOW, False, id="unhealthy-runs-what-it-has"),
        pytest.param("LOST", NOW - LOST_FOR / 2, False, id="lost-just-now-may-run-on"),
        pytest.param("LOST", NOW - LOST_FOR * 2, True, id="lost-for-long"),
        pytest.param("DECOMMISSIONED", NOW, True, id="decommissioned"),
        pytest.param("SHUTDOWN", NOW, True, id="shut-down"),
    ],
)
def test_which_node_managers_need_not_be_asked(state, heard, dead):
    assert Node(id="a:1", state=state, address="a:2", last_heard=heard).dead(NOW) is dead


def test_a_machine_lost_for_long_does_not_stand_in_the_way_for_ever(yarn, cluster):
    yarn.add(APP, "FAILED")
    yarn.node_states, yarn.node_heard = {"a:1": "LOST"}, {"a:1": NOW - 2 * LOST_FOR}
    yarn.nodes_down = True
    assert cluster.containers(APP) == []


def test_after_its_restart_the_driver_s_node_is_asked_before_it_has_reported_back(yarn, cluster):
    yarn.add(APP, driver_node=yarn.address)
    yarn.node_states = {}
    yarn.started = datetime.now(tz=UTC)
    assert len(cluster.containers(APP)) == 1
    yarn.started = datetime.now(tz=UTC) - 2 * LOST_FOR
    assert cluster.containers(APP) == []
