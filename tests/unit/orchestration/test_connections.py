"""Addresses from Airflow's connections, and what is said when one is not as it should be."""

from __future__ import annotations

import json

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException
from tests.fakes.endpoints import SECRETS

from soh.errors import BadInput
from soh.orchestration import connections as of_airflow


def test_endpoints_hold_every_address_and_no_secret(connections, yarn):
    endpoints = of_airflow.endpoints()
    assert endpoints.kafka == "127.0.0.1:1,127.0.0.1:2"
    assert endpoints.webhdfs == yarn.url
    assert endpoints.hdfs == "hdfs://127.0.0.1:3"
    assert endpoints.yarn == yarn.url
    assert endpoints.catalog_jdbc == "jdbc:postgresql://127.0.0.1:5432/lake_catalog"
    assert endpoints.airflow == "http://127.0.0.1:8080"
    assert (endpoints.registry_host, endpoints.registry_port) == ("127.0.0.1", 5432)
    assert (endpoints.registry_database, endpoints.registry_user) == ("model_registry", "models")
    assert (endpoints.s3, endpoints.models) == ("http://127.0.0.1:8", "s3://soh-models")
    assert endpoints.lake_bucket == "s3://lake"
    assert (endpoints.tsdb, endpoints.tsdb_database) == ("http://127.0.0.1:9", "soh")
    passwords = {made["password"] for name, made in connections.items() if "password" in made and name != "airflow_api"}
    assert len(passwords) == 4
    assert not [password for password in passwords if password in str(endpoints)]


def test_secrets_are_asked_for_one_by_one(connections):
    assert of_airflow.catalog_password() == connections["lake_catalog"]["password"]
    assert of_airflow.registry_password() == connections["model_registry"]["password"]
    assert of_airflow.tsdb_login() == ("reader", "r3ad")
    assert of_airflow.airflow_login() == ("admin", "admin")


def test_an_app_gets_the_secrets_that_it_needs_and_no_other(connections):
    assert of_airflow.app_secrets() == SECRETS


def test_every_connection_that_is_asked_for_is_listed(connections):
    assert set(of_airflow.ALL) == set(connections)


def test_the_cluster_s_settings_are_text(connections, monkeypatch):
    extra = {"soh_conf": {"spark.executor.instances": 2}}
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps({"conn_type": "spark", "host": "yarn", "extra": extra}))
    assert of_airflow.cluster_conf() == {"spark.executor.instances": "2"}


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("spark_default", {"extra": {}}, "spark_default.*soh_conf"),
        ("kafka_default", {"extra": {}}, "kafka_default.*bootstrap.servers"),
        ("webhdfs_default", {"extra": {}}, "webhdfs_default.*hdfs"),
        ("lake_catalog", {"schema": ""}, "lake_catalog.*schema"),
        ("yarn_default", {"host": ""}, "yarn_default.*host"),
        ("model_registry", {"schema": ""}, "model_registry.*schema"),
        ("lake_s3", {"extra": {"models": "s3://x"}}, "lake_s3.*endpoint_url"),
        ("tsdb", {"extra": {}}, "tsdb.*database"),
    ],
)
def test_a_connection_that_lacks_a_part_is_named_with_the_part(connections, monkeypatch, name, change, words):
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connections[name] | change))
    with pytest.raises(BadInput, match=words):
        of_airflow.cluster_conf() if name == "spark_default" else of_airflow.endpoints()


def test_a_missing_connection_is_an_error_and_not_another_cluster(connections, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_YARN_DEFAULT")
    with pytest.raises(AirflowNotFoundException, match="yarn_default"):
        of_airflow.endpoints()


def test_the_api_server_reads_the_same_addresses_without_a_task_s_way(connections):
    read = of_airflow.in_api_server
    assert of_airflow.endpoints(read) == of_airflow.endpoints()
    assert of_airflow.tsdb_login(read) == of_airflow.tsdb_login()
    assert of_airflow.registry_password(read) == of_airflow.registry_password()
