"""A service is ready when it shows it."""

import socket
from datetime import timedelta

import pytest

from soh.local.readiness import answering, exists, listening, reads_all
from soh.specs.groups import SCORES_TO_TSDB


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_is_ready_while_somebody_listens(port):
    assert listening(port)()
    assert not listening(1)()


@pytest.mark.parametrize(("path", "ready"), [("/ws/v1/cluster/apps?applicationTags=x", True), ("/nowhere", False)])
def test_an_address_is_ready_when_it_answers_without_an_error(yarn, path, ready):
    assert answering(f"{yarn.url}{path}")() is ready


def test_a_server_that_is_not_there_is_not_ready():
    assert not answering("http://127.0.0.1:1/")()


def test_a_file_is_ready_once_it_is_there(tmp_path):
    ready = exists(tmp_path / "state.json")
    assert not ready()
    (tmp_path / "state.json").touch()
    assert ready()


def test_a_group_of_brokers_that_are_not_there_is_not_ready():
    assert not reads_all("127.0.0.1:1", SCORES_TO_TSDB, within=timedelta(seconds=0.2))()
