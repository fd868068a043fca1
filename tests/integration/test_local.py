"""What `./soh` relies on: supervised servers, closed databases, private files."""

from __future__ import annotations

import time

import psycopg2
import pytest

from soh.local import prepare, processes
from soh.local.supervisor import ServiceState


def test_every_server_is_running_and_ours(servers):
    states = servers.supervisor.states()
    assert set(states) == set(servers.services)
    assert set(states.values()) == {ServiceState.RUNNING}
    pids = {process.pid for process in processes.of(servers.home)}
    assert {servers.supervisor.pid(name) for name in servers.services} <= pids


def test_a_second_set_up_finds_everything_there(servers):
    assert prepare.format_storage(servers.home) == "all there"
    assert prepare.databases(servers.home) == "all there"


def test_postgresql_refuses_a_wrong_password(servers):
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(
            host="127.0.0.1", port=servers.home.ports.postgres, user="airflow", password="no", dbname="airflow"
        )


def test_every_server_listens_on_the_loopback_only(servers):
    for process in processes.of(servers.home):
        for connection in process.net_connections(kind="tcp"):
            if connection.status == "LISTEN":
                assert connection.laddr.ip in ("127.0.0.1", "::ffff:127.0.0.1"), f"{process.name()}: {connection.laddr}"


def test_files_with_secrets_are_closed_to_others(servers):
    secret = [
        servers.home.path / "secrets.json",
        servers.home.conf / "connections.json",
        servers.home.airflow / "airflow.cfg",
    ]
    for path in secret:
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("name", ["resourcemanager", "nodemanager-2"])
def test_a_killed_server_is_started_again(servers, name):
    before = servers.supervisor.pid(name)
    servers.supervisor._rpc.signalProcess(name, "KILL")
    deadline = time.monotonic() + 30
    while servers.supervisor.pid(name) in (0, before):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    servers.wait([servers.services[name]])
