"""The platform check on real servers, and what it says when one is missing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.endpoints import SECRETS

from soh import checks, s3
from soh.errors import ServerUnreachable
from soh.kafka import admin
from soh.kafka.plan import plan
from soh.local import prepare
from soh.local.stores import RETENTION_POLICY
from soh.serving import influx
from soh.specs import MODELS, TABLES, TOPICS


@pytest.fixture(scope="module")
def endpoints(servers):
    found = servers.home.endpoints
    admin.apply(found.kafka, plan(TOPICS.values(), admin.describe(found.kafka, list(TOPICS))))
    return found


@pytest.fixture
def soon(monkeypatch):
    """Nobody waits long for a broker that is known to be away."""
    monkeypatch.setattr(checks, "ANSWER_WITHIN", timedelta(seconds=2))


def test_every_server_is_touched(endpoints, servers):
    assert checks.check_kafka(endpoints)["brokers"] == 3
    assert checks.check_hdfs(endpoints) == {"datanodes": 2}
    assert checks.check_yarn(endpoints) == {"nodemanagers": 2}
    secrets = servers.home.secrets
    assert set(checks.check_catalog(endpoints, servers.home.app_secrets)) <= set(TABLES)
    assert set(checks.check_registry(endpoints, secrets["registry_db"])) == set(MODELS)
    found = checks.check_s3(endpoints, secrets["s3_access_key"], secrets["s3_secret_key"])
    assert found == {"buckets": ["soh-models", "lake"]}
    tsdb = checks.check_tsdb(endpoints, "reader", secrets["tsdb_reader"])
    assert tsdb["keeps"] == "24h0m0s"
    assert tsdb["version"].startswith("1.")


def test_before_the_first_table_and_the_first_champion_there_is_nothing_to_tell(endpoints, servers):
    # A database of the same server that nobody writes to here.
    user, password = "airflow", servers.home.secrets["airflow_db"]
    catalog = replace(endpoints, catalog_database=user, catalog_user=user)
    assert checks.check_catalog(catalog, replace(servers.home.app_secrets, catalog_password=password)) == {}
    registry = replace(endpoints, registry_database=user, registry_user=user)
    assert checks.check_registry(registry, password) == dict.fromkeys(MODELS)


def test_a_record_is_written_anew_by_each_check(endpoints):
    first, second = (checks.check_kafka(endpoints)["offset"] for _ in range(2))
    assert second > first


@pytest.mark.parametrize(
    ("check", "change"),
    [
        (checks.check_kafka, {"kafka": "127.0.0.1:1"}),
        (checks.check_hdfs, {"webhdfs": "http://127.0.0.1:1"}),
        (checks.check_yarn, {"yarn": "http://127.0.0.1:1"}),
        (lambda endpoints: checks.check_catalog(endpoints, SECRETS), {"catalog_port": 1}),
        (lambda endpoints: checks.check_registry(endpoints, "x"), {"registry_port": 1}),
        (lambda endpoints: checks.check_s3(endpoints, "x", "x"), {"s3": "http://127.0.0.1:1"}),
        (lambda endpoints: checks.check_tsdb(endpoints, "x", "x"), {"tsdb": "http://127.0.0.1:1"}),
    ],
    ids=["kafka", "hdfs", "yarn", "catalog", "registry", "s3", "tsdb"],
)
def test_a_server_that_does_not_answer_is_named_by_its_address(endpoints, soon, check, change):
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1"):
        check(replace(endpoints, **change))


def test_a_broker_that_is_down_makes_kafka_red_though_the_others_serve(endpoints, servers, soon):
    broker = servers.services["kafka-3"]
    servers.supervisor.stop([broker.name])
    try:
        with pytest.raises(ServerUnreachable, match="Kafka"):
            checks.check_kafka(endpoints)
    finally:
        servers.supervisor.start([broker])
        servers.wait([broker])


def test_the_file_of_the_check_is_gone_afterwards(endpoints):
    checks.check_hdfs(endpoints)
    hdfs = checks.Hdfs(endpoints.webhdfs, endpoints.hdfs_user)
    assert hdfs.listing("/soh/platform_check") == {}


def test_a_store_that_does_not_know_the_key_or_the_password_is_red(endpoints, servers):
    with pytest.raises(ServerUnreachable, match=endpoints.s3):
        checks.check_s3(endpoints, servers.home.secrets["s3_access_key"], "no")
    with pytest.raises(ServerUnreachable, match=endpoints.tsdb):
        checks.check_tsdb(endpoints, "reader", "no")
    with pytest.raises(ServerUnreachable, match=str(endpoints.registry_port)):
        checks.check_registry(endpoints, "no")


def test_the_object_of_the_check_is_gone_afterwards(endpoints, servers):
    keys = (servers.home.secrets["s3_access_key"], servers.home.secrets["s3_secret_key"])
    checks.check_s3(endpoints, *keys)
    for bucket in ("soh-models", "lake"):
        found = s3.client(endpoints.s3, *keys).list_objects_v2(Bucket=bucket, Prefix="platform_check/")
        assert found["KeyCount"] == 0


@pytest.fixture
def keeps_for_ever(servers):
    """The default retention policy of the database, changed by somebody."""
    home = servers.home
    client = influx.client(
        home.endpoints.tsdb,
        database=home.endpoints.tsdb_database,
        user="admin",
        password=home.secrets["tsdb_admin"],
        answer_within=timedelta(seconds=10),
    )
    with closing(client):
        client.alter_retention_policy(RETENTION_POLICY, duration="INF", default=True)
    yield
    assert prepare.tsdb(home) == f"retention policy {RETENTION_POLICY} anew"


def test_grades_that_are_kept_for_ever_are_red_until_set_up_runs_again(endpoints, servers, keeps_for_ever):
    with pytest.raises(ServerUnreachable, match="it should be 24h0m0s"):
        checks.check_tsdb(endpoints, "reader", servers.home.secrets["tsdb_reader"])
