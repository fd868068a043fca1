"""What one copy remembers, and who may read it."""

import json
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from soh.local import home as module
from soh.local.home import SECRETS, Home
from soh.local.ports import DEFAULT_BASE
from soh.settings import Settings


def settings(folder: Path, port_base: int | None = None) -> Settings:
    return Settings(home=folder, port_base=port_base, data=folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_port_base_is_asked_for_remembered_or_the_default(tmp_path):
    assert Home.of(settings(tmp_path)).port_base == DEFAULT_BASE
    Home.of(settings(tmp_path, 24000)).make()
    assert Home.of(settings(tmp_path)).port_base == 24000
    assert Home.of(settings(tmp_path, 25000)).port_base == 25000


def test_secrets_are_made_once_long_different_and_private(home):
    first = dict(home.secrets)
    home.make()
    assert Home(path=home.path, port_base=home.port_base).secrets == first
    assert set(first) == set(SECRETS)
    assert len(set(first.values())) == len(SECRETS)
    assert min(map(len, first.values())) >= 32
    assert mode(home.path / "secrets.json") == 0o600


def test_a_copy_made_before_a_secret_was_declared_gets_it_and_keeps_the_others(home):
    first = dict(home.secrets)
    del first["tsdb_reader"]
    (home.path / "secrets.json").write_text(json.dumps(first))
    home.make()
    found = Home(path=home.path, port_base=home.port_base).secrets
    assert set(found) == set(SECRETS)
    assert first.items() <= found.items()


def test_apps_get_the_secrets_of_what_they_talk_to(home):
    found = asdict(home.app_secrets)
    assert len(set(found.values())) == 4
    assert found["registry_password"] == home.secrets["registry_db"]
    assert set(found.values()) < set(home.secrets.values())


def test_two_copies_have_different_secrets(home, tmp_path):
    other = Home(path=tmp_path / "other", port_base=home.port_base)
    other.make()
    assert not set(other.secrets.values()) & set(home.secrets.values())


def test_folders_with_configuration_and_logs_are_closed_to_others(home):
    assert {mode(folder) for folder in (home.conf, home.logs, home.airflow)} == {0o700}


def test_a_private_file_is_private_even_when_an_open_one_was_there(home):
    path = home.conf / "site.xml"
    path.write_text("old")
    path.chmod(0o644)
    written = home.write_private("site.xml", "new")
    assert written == path
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert [left.name for left in home.conf.iterdir()] == ["site.xml"]


def test_a_private_file_may_lie_in_a_folder_that_is_not_there_yet(home):
    assert home.write_private("hadoop/core-site.xml", "x").read_text() == "x"


def test_the_supervisors_socket_fits_into_a_socket_address(tmp_path):
    near, far = Home(path=tmp_path, port_base=1), Home(path=tmp_path / ("deep" * 30), port_base=1)
    assert near.supervisor_socket.parent == near.path
    assert len(str(far.supervisor_socket)) < 100
    assert far.supervisor_socket != Home(path=tmp_path / ("deer" * 30), port_base=1).supervisor_socket


@pytest.mark.parametrize(
    ("user", "parent_mode", "inside"),
    [
        pytest.param(0, 0o700, False, id="root-below-a-closed-folder"),
        pytest.param(0, 0o755, True, id="root-below-an-open-folder"),
        pytest.param(1000, 0o700, True, id="a-person-owns-the-closed-folder"),
    ],
)
def test_postgresql_lies_where_its_user_can_reach_it(tmp_path, monkeypatch, user, parent_mode, inside):
    parent = tmp_path / "parent"
    parent.mkdir()
    parent.chmod(parent_mode)
    # Whatever lies above is as the machine has it; only `parent` is the matter here.
    monkeypatch.setattr(module, "_passable", lambda folder: folder != parent or bool(parent.stat().st_mode & 1))
    monkeypatch.setattr(module.os, "geteuid", lambda: user)
    copy = Home(path=parent / "home", port_base=1)
    assert (copy.postgres_data == copy.data / "postgres") is inside
    assert copy.postgres_user == ("postgres" if user == 0 else copy.server_user)


def test_every_address_is_on_the_loopback_and_in_the_block(home):
    endpoints = home.endpoints
    addresses = [*endpoints.kafka.split(","), endpoints.webhdfs, endpoints.hdfs, endpoints.yarn, endpoints.airflow]
    addresses += [endpoints.s3, endpoints.tsdb]
    assert len(addresses) == 9
    for address in addresses:
        host, port = address.rpartition("/")[2].split(":")
        assert host == "127.0.0.1"
        assert home.port_base <= int(port) < home.port_base + 100
    assert (endpoints.catalog_host, endpoints.catalog_port) == ("127.0.0.1", home.ports.postgres)
    assert (endpoints.registry_host, endpoints.registry_port) == ("127.0.0.1", home.ports.postgres)


def test_addresses_hold_no_secret_and_come_back_as_they_were_written(home):
    home.endpoints.write(home.endpoints_file)
    text = home.endpoints_file.read_text()
    assert not [name for name, value in home.secrets.items() if value in text]
    assert type(home.endpoints).read(home.endpoints_file) == home.endpoints


def test_purge_leaves_nothing(home):
    home.purge()
    assert not home.path.exists()
