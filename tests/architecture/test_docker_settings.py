"""What the containers are told is what one machine is told: settings, connections, jars, but for addresses."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.architecture.conftest import load

from soh.local import configs, hadoop_configs, store_configs
from soh.local.profile import STANDARD
from soh.local.stores import Privilege
from soh.settings import PROJECT
from soh.specs import TOPICS

# The same settings.


@pytest.mark.parametrize("number", STANDARD.brokers)
def test_brokers_have_the_settings_of_one_machine(services, home, number, init):
    own = {"listeners", "advertised.listeners", "controller.quorum.voters", "log.dirs", "node.id"}
    wanted = {name: str(value) for name, value in configs.kafka(home, number).items() if name not in own}
    found = services[f"kafka-{number}"]["environment"]
    assert {name: found.get(f"KAFKA_{name.upper().replace('.', '_')}") for name in wanted} == wanted
    assert found["KAFKA_NODE_ID"] == str(number)
    assert found["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{init.KAFKA.split(',')[number - 1]}"


def site(path: Path) -> dict[str, str]:
    return {entry.findtext("name"): entry.findtext("value") or "" for entry in ElementTree.parse(path).iter("property")}


@pytest.mark.parametrize("name", ["hdfs-site", "yarn-site"])
def test_hadoop_has_the_settings_of_one_machine_but_for_addresses_and_folders(home, name):
    wanted = {
        "hdfs-site": {**hadoop_configs.hdfs(home), **hadoop_configs.datanode(home, 1)},
        "yarn-site": {**hadoop_configs.yarn(home), **hadoop_configs.nodemanager(home, 1)},
    }[name]
    found = site(PROJECT / "docker" / "hadoop" / f"{name}.xml")
    # A NodeManager's containers die with the container it is in.
    for setting in ("enabled", "supervised", "dir"):
        wanted.pop(f"yarn.nodemanager.recovery.{setting}", None)
    assert found.pop("yarn.nodemanager.recovery.enabled", "false") == "false"
    binds = {setting for setting in found if setting.endswith("bind-host")}
    assert {found[setting] for setting in binds} == {"0.0.0.0"}
    assert set(found) - binds == set(wanted)
    of_this_machine = ("127.0.0.1", str(home.path), home.server_user)
    same = {key: str(v) for key, v in wanted.items() if not any(part in str(v) for part in of_this_machine)}
    assert len(same) > 8
    assert {setting: found[setting] for setting in same} == same


def test_hadoop_logs_as_on_one_machine(home):
    configs.write_all(home)
    wanted = (home.hadoop_conf / "log4j.properties").read_text()
    assert (PROJECT / "docker" / "hadoop" / "log4j.properties").read_text() == wanted


def test_influxdb_has_the_settings_of_one_machine_but_for_addresses_and_folders(home, services):
    found = tomllib.loads((PROJECT / "docker" / "influxdb.conf").read_text())
    wanted = store_configs.influxdb(home)
    found |= {"": {name: found.pop(name) for name in wanted[""]}}
    assert set(found) == set(wanted)
    of_this_machine = ("127.0.0.1", str(home.path))
    for section, settings in wanted.items():
        assert set(found[section]) == set(settings)
        same = {
            key: value for key, value in settings.items() if not any(part in str(value) for part in of_this_machine)
        }
        assert {key: found[section][key] for key in same} == same, section
    assert found["http"]["bind-address"] == ":8086"
    volumes = {volume["target"]: volume for volume in services["influxdb"]["volumes"]}
    assert volumes["/etc/influxdb/influxdb.conf"]["source"] == str(PROJECT / "docker" / "influxdb.conf")
    assert {str(Path(found["meta"]["dir"]).parent), str(Path(found["data"]["dir"]).parent)} <= set(volumes)


def test_the_object_store_has_the_settings_of_one_machine_but_for_address_and_folder(home, init, services):
    script = (PROJECT / "docker" / "s3proxy.sh").read_text()
    found = dict(line.split("=", 1) for line in script.partition("<<EOF\n")[2].partition("EOF\n")[0].splitlines())
    wanted = {name: str(value) for name, value in store_configs.s3proxy(home).items()}
    assert set(found) == set(wanted)
    own = {"s3proxy.endpoint", "s3proxy.identity", "s3proxy.credential", "jclouds.filesystem.basedir"}
    assert {name: found[name] for name in set(wanted) - own} == {name: wanted[name] for name in set(wanted) - own}
    assert found["s3proxy.identity"] == "$(cat /run/secrets/s3_access_key)"
    assert found["s3proxy.credential"] == "$(cat /run/secrets/s3_secret_key)"
    assert {"s3_access_key", "s3_secret_key"} == {secret["source"] for secret in services["s3proxy"]["secrets"]}
    assert found["s3proxy.endpoint"].rpartition(":")[2] == init.S3.rpartition(":")[2]
    (volume,) = services["s3proxy"]["volumes"]
    assert found["jclouds.filesystem.basedir"].startswith(f"{volume['target']}/")


def test_hadoop_addresses_are_services(services):
    addresses = site(PROJECT / "docker" / "hadoop" / "core-site.xml") | site(PROJECT / "docker/hadoop/yarn-site.xml")
    hosts = {urlparts.group(1) for value in addresses.values() if (urlparts := re.search(r"([a-z]+):\d+$", value))}
    assert hosts == {"namenode", "resourcemanager"}
    assert hosts <= set(services)


OTHERWISE_IN_CONTAINERS = {
    "AIRFLOW__API__HOST": "every address of the container, which is the default",
    "AIRFLOW__API__PORT": "8080, which is the default",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "users are in the database",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": "users are in the database",
    "AIRFLOW__CORE__DAGS_FOLDER": "in the image",
    "AIRFLOW__CORE__PLUGINS_FOLDER": "in the image",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "nobody unpauses them afterwards",
}


@pytest.mark.parametrize("part", ["api-server", "scheduler", "dag-processor", "triggerer"])
def test_airflow_has_the_settings_of_one_machine(services, home, part):
    parser = configparser.RawConfigParser()
    parser.read_string(configs.airflow(home))
    found = services[f"airflow-{part}"]["environment"]
    of_this_machine = ("127.0.0.1", str(home.path), *home.secrets.values())
    for section in parser.sections():
        for option, value in parser.items(section):
            name = f"AIRFLOW__{section}__{option}".upper()
            if name in OTHERWISE_IN_CONTAINERS:
                continue
            assert name in found or f"{name}_CMD" in found, name
            if name in found and not any(secret in value for secret in of_this_machine):
                assert found[name] == value, name
    assert found["AIRFLOW__CORE__AUTH_MANAGER"].endswith("FabAuthManager")


def test_secrets_that_commands_read_are_given_to_the_service(services):
    for name, service in services.items():
        given = {secret["source"] for secret in service.get("secrets", [])}
        read = re.findall(r"/run/secrets/(\w+)", json.dumps(service.get("environment", {})))
        assert set(read) <= given, name


# The same connections, topics and jars.


GIVEN_TO_INIT = (
    *("lake_catalog_password", "model_registry_password", "airflow_admin_password", "s3_access_key", "s3_secret_key"),
    *("tsdb_admin_password", "tsdb_writer_password", "tsdb_reader_password"),
)


def test_connections_are_those_of_one_machine_with_other_addresses(home, init, services, tmp_path):
    for secret in GIVEN_TO_INIT:
        (tmp_path / secret).write_text(secret)
    assert set(GIVEN_TO_INIT) <= {secret["source"] for secret in services["init"]["secrets"]}
    found, wanted = init.connections(tmp_path), configs.connections(home)
    assert list(found) == list(wanted)
    for name, connection in wanted.items():
        assert set(found[name]) == set(connection), name
        assert found[name]["conn_type"] == connection["conn_type"]
        assert set(found[name].get("extra", {})) == set(connection.get("extra", {})), name
        assert found[name].get("host", "yarn") in {*services, "yarn"}
    brokers = {address.split(":")[0] for address in init.KAFKA.split(",")}
    assert brokers == {name for name in services if name.startswith("kafka-")}
    assert found["lake_catalog"]["password"] == "lake_catalog_password"
    assert found["model_registry"]["password"] == "model_registry_password"
    assert (found["lake_s3"]["login"], found["lake_s3"]["password"]) == ("s3_access_key", "s3_secret_key")
    assert found["lake_s3"]["extra"]["endpoint_url"].split("//")[1].split(":")[0] in services
    assert found["lake_s3"]["extra"]["models"] == home.endpoints.models
    assert found["lake_s3"]["extra"]["lake"] == home.endpoints.lake_bucket
    assert (found["tsdb"]["login"], found["tsdb"]["password"]) == (wanted["tsdb"]["login"], "tsdb_reader_password")
    assert found["tsdb"]["extra"] == wanted["tsdb"]["extra"]
    assert found["webhdfs_default"]["extra"]["hdfs"] == site(PROJECT / "docker/hadoop/core-site.xml")["fs.defaultFS"]


def test_the_clusters_spark_settings_are_those_of_one_machine_without_the_loopback(init):
    wanted, found = configs.cluster_spark_conf(), init.spark_conf()
    assert set(wanted) - set(found) == {name for name in wanted if name.endswith("SPARK_LOCAL_IP")}
    assert set(found) <= set(wanted)
    assert "/.venv/spark/" in found["spark.yarn.jars"]
    assert "127.0.0.1" not in found.values()


def test_init_makes_every_topic_and_store_and_gives_no_password_as_an_argument(init, monkeypatch, tmp_path):
    for secret in GIVEN_TO_INIT:
        (tmp_path / secret).write_text(f"hush {secret}")
    called: list[tuple[tuple[str, ...], str]] = []
    asked: list[list[str]] = []
    monkeypatch.setattr(init, "SECRETS", tmp_path)
    monkeypatch.setattr(init, "_airflow", lambda *words, answers="": called.append((words, answers)))
    made = {}
    monkeypatch.setattr(init, "make_buckets", lambda *words: made.update(buckets=words))
    monkeypatch.setattr(init, "make_tsdb", lambda *words: made.update(tsdb=words))
    monkeypatch.setattr(init.admin, "describe", lambda _, names: asked.append(names) or {})
    monkeypatch.setattr(init.admin, "apply", lambda _, plan: plan.create)
    init.main()
    assert asked == [list(TOPICS)]
    assert [list(words[:2]) for words, _ in called] == [
        ["db", "migrate"],
        ["connections", "import"],
        ["pools", "set"],
        ["users", "create"],
        ["users", "reset-password"],
    ]
    assert made["buckets"] == (init.S3, (init.MODELS, init.LAKE), "hush s3_access_key", "hush s3_secret_key")
    assert made["tsdb"][:3] == (init.TSDB, init.TSDB_DATABASE, "hush tsdb_admin_password")
    accounts = {account.name: (account.privilege, account.password) for account in made["tsdb"][3]}
    assert accounts == {
        "writer": (Privilege.ALL, "hush tsdb_writer_password"),
        "reader": (Privilege.READ, "hush tsdb_reader_password"),
    }
    assert "hush" not in json.dumps([words for words, _ in called])
    assert called[-1][1] == "hush airflow_admin_password\n" * 2


def test_the_databases_are_those_of_one_machine(home, services):
    script = (PROJECT / "docker" / "postgres" / "databases.sh").read_text()
    names = re.search(r"for name in (.*);", script).group(1).split()
    assert set(names) == {"airflow", home.endpoints.catalog_user, home.endpoints.registry_user}
    given = {secret["source"] for secret in services["postgres"]["secrets"]}
    assert {f"{name}_password" for name in names} <= given


@pytest.mark.parametrize(
    ("status", "expected"),
    [("healthy", None), ("unhealthy", "calls scheduler unhealthy"), (None, "calls scheduler unknown")],
)
def test_the_health_of_a_part_is_what_the_api_server_says(status, expected, tmp_path):
    health = load("airflow_health")
    answer = tmp_path / "health"
    answer.write_text(json.dumps({"scheduler": {"status": status}, "triggerer": {"status": "healthy"}}))
    health.HEALTH = answer.as_uri()
    found = health.main("scheduler")
    assert found is None if expected is None else expected in found
