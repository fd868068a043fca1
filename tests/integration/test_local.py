"""What `./soh` relies on: supervised servers, closed databases, private files."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest
import requests
from influxdb.exceptions import InfluxDBClientError
from tests.integration.reading import eventually

from soh import s3
from soh.errors import ServerUnreachable, SetupFailed
from soh.local import configs, prepare, processes
from soh.local.home import Home
from soh.local.ports import free_base
from soh.local.stores import Account, Privilege, make_buckets, make_tsdb
from soh.local.supervisor import ServiceState
from soh.serving import influx


def test_every_server_is_running_and_ours(servers):
    assert set(servers.supervisor.states()) == set(servers.services)
    # One that was started a moment ago is still being watched.
    eventually(lambda: set(servers.supervisor.states().values()) == {ServiceState.RUNNING})
    pids = {process.pid for process in processes.of(servers.home)}
    assert {servers.supervisor.pid(name) for name in servers.services} <= pids


def test_a_second_set_up_finds_everything_there(servers):
    assert prepare.format_storage(servers.home) == "all there"
    for part in (prepare.databases, prepare.model_registry, prepare.buckets, prepare.tsdb):
        assert part(servers.home) == "all there", part.__name__


def test_postgresql_refuses_a_wrong_password(servers):
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(
            host="127.0.0.1", port=servers.home.ports.postgres, user="airflow", password="no", dbname="airflow"
        )


def tsdb_as(servers, user, password):
    home = servers.home
    return influx.client(
        home.endpoints.tsdb,
        database=home.endpoints.tsdb_database,
        user=user,
        password=password,
        answer_within=timedelta(seconds=10),
    )


def test_grades_are_kept_for_a_day_and_forgotten_by_the_hour(servers):
    with closing(tsdb_as(servers, "reader", servers.home.secrets["tsdb_reader"])) as client:
        (policy,) = client.get_list_retention_policies()
    assert (policy["duration"], policy["shardGroupDuration"], policy["default"]) == ("24h0m0s", "1h0m0s", True)


def test_the_reader_of_grades_may_read_and_nothing_else(servers):
    point = [{"measurement": "sensor_measurement", "fields": {"pf": 1.0}}]
    with closing(tsdb_as(servers, "writer", servers.home.secrets["tsdb_writer"])) as writer:
        assert writer.write_points(point)
    with closing(tsdb_as(servers, "reader", servers.home.secrets["tsdb_reader"])) as reader:
        assert list(reader.query("SELECT count(pf) FROM sensor_measurement"))
        for forbidden in (lambda: reader.write_points(point), lambda: reader.drop_measurement("sensor_measurement")):
            with pytest.raises(InfluxDBClientError, match="not authorized"):
                forbidden()


@pytest.mark.parametrize("user", ["reader", "writer", "admin"])
def test_influxdb_refuses_a_wrong_password(servers, user):
    with closing(tsdb_as(servers, user, "no")) as client, pytest.raises(InfluxDBClientError, match="401"):
        client.get_list_measurements()


def test_a_changed_password_is_taken_over_but_not_that_of_the_admin(servers):
    home = servers.home
    account = {"name": "reader", "privilege": Privilege.READ}
    old = Account(**account, password=home.secrets["tsdb_reader"])
    new = Account(**account, password="another")
    where = (home.endpoints.tsdb, home.endpoints.tsdb_database)
    assert make_tsdb(*where, home.secrets["tsdb_admin"], [new]) == "reader's password"
    with closing(tsdb_as(servers, "reader", "another")) as client:
        client.get_list_measurements()
    assert make_tsdb(*where, home.secrets["tsdb_admin"], [old]) == "reader's password"
    with pytest.raises(SetupFailed, match="admin whose password is not ours"):
        make_tsdb(*where, "another", [old])


def test_the_object_store_takes_no_request_without_a_key_that_it_knows(servers):
    endpoints, secrets = servers.home.endpoints, servers.home.secrets
    bucket = endpoints.models.removeprefix("s3://")
    store = s3.client(endpoints.s3, secrets["s3_access_key"], secrets["s3_secret_key"])
    store.put_object(Bucket=bucket, Key="some/one", Body=b"x")
    for method, path in itertools.product(("GET", "HEAD", "PUT", "DELETE"), ("", f"/{bucket}", f"/{bucket}/some/one")):
        answer = requests.request(method, f"{endpoints.s3}{path}", data=b"y", timeout=5)
        assert answer.status_code in (requests.codes.forbidden, requests.codes.not_implemented), (method, path)
    assert store.get_object(Bucket=bucket, Key="some/one")["Body"].read() == b"x"
    store.delete_object(Bucket=bucket, Key="some/one")
    with pytest.raises(ServerUnreachable, match=f"{endpoints.s3} did not make the buckets"):
        make_buckets(endpoints.s3, [endpoints.models], servers.home.secrets["s3_access_key"], "no")


def test_the_registry_has_the_tables_of_the_installed_mlflow(servers):
    home = servers.home
    connection = psycopg2.connect(
        host=home.endpoints.registry_host,
        port=home.endpoints.registry_port,
        user=home.endpoints.registry_user,
        password=home.secrets["registry_db"],
        dbname=home.endpoints.registry_database,
    )
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("select table_name from information_schema.tables where table_schema = 'public'")
        tables = {name for (name,) in cursor.fetchall()}
    assert {"registered_models", "model_versions", "registered_model_aliases", "runs", "metrics"} <= tables


def test_every_server_listens_on_the_loopback_only(servers):
    for process in processes.of(servers.home):
        for connection in process.net_connections(kind="tcp"):
            if connection.status == "LISTEN":
                assert connection.laddr.ip in ("127.0.0.1", "::ffff:127.0.0.1"), f"{process.name()}: {connection.laddr}"


def test_what_the_stores_hold_is_closed_to_other_users_of_the_machine(servers):
    for folder in (servers.home.s3_data, servers.home.tsdb_data):
        assert folder.stat().st_mode & 0o077 == 0, folder


def test_files_with_secrets_are_closed_to_others(servers):
    secret = [
        servers.home.path / "secrets.json",
        servers.home.conf / "connections.json",
        servers.home.airflow / "airflow.cfg",
        servers.home.conf / "s3proxy.properties",
        servers.home.conf / "influxdb.conf",
        servers.home.conf / "tsdb-writer.password",
        servers.home.conf / "s3-access.key",
        servers.home.conf / "s3-secret.key",
    ]
    for path in secret:
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("name", ["resourcemanager", "nodemanager-2", "s3proxy", "influxdb"])
def test_a_killed_server_is_started_again(servers, name):
    before = servers.supervisor.pid(name)
    servers.supervisor._rpc.signalProcess(name, "KILL")
    deadline = time.monotonic() + 30
    while servers.supervisor.pid(name) in (0, before):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    servers.wait([servers.services[name]])


def test_a_folder_whose_cluster_id_begins_with_a_hyphen_is_set_up_like_any_other():
    """The id follows from the folder's name: one in 64 begins so, and a command line takes it for an option."""
    scratch = Path(tempfile.mkdtemp(prefix="soh-it-"))
    scratch.chmod(0o755)
    folders = (scratch / str(number) for number in itertools.count())
    homes = (Home(path=folder, port_base=free_base()) for folder in folders)
    home = next(home for home in homes if configs.cluster_id(home).startswith("-"))
    try:
        home.make()
        configs.write_all(home)
        assert "broker 1, broker 2, broker 3" in prepare.format_storage(home)
    finally:
        shutil.rmtree(scratch)
