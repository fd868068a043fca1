"""One block of ports per copy, and none of them twice."""

import socket
from dataclasses import asdict

import pytest

from soh.errors import SetupFailed
from soh.local.ports import DEFAULT_BASE, Ports, free_base


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_block_has_every_port_once_and_within_a_hundred():
    numbers = list(asdict(Ports.block(DEFAULT_BASE)).values())
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) == DEFAULT_BASE
    assert max(numbers) < DEFAULT_BASE + 100


def test_blocks_a_hundred_apart_share_no_port():
    assert not set(asdict(Ports.block(22000)).values()) & set(asdict(Ports.block(22100)).values())


@pytest.mark.parametrize("base", [0, 1023, 32001, 65500])
def test_a_base_outside_the_ports_of_servers_is_refused(base):
    with pytest.raises(SetupFailed, match=f"port base {base}"):
        Ports.block(base)


def test_taken_names_the_listener_and_its_port(listener):
    ports = Ports(**{name: listener if name == "kafka_2" else 0 for name in asdict(Ports())})
    # Port 0 stands for any free one, so only the listener's can be taken.
    assert ports.taken() == [("kafka_2", listener)]


def test_a_free_base_is_one_whose_block_nobody_uses(monkeypatch):
    monkeypatch.setattr(Ports, "taken", lambda ports: [("postgres", 1)] if ports.postgres < 22300 else [])
    assert free_base(22000) == 22300


def test_no_free_base_is_said(monkeypatch):
    monkeypatch.setattr(Ports, "taken", lambda _: [("postgres", 1)])
    with pytest.raises(SetupFailed, match="no free block of ports between 31000"):
        free_base(31000)
