"""The servers' configuration files: on the loopback, private, and what the design rests on."""

import configparser
import json
import re
import stat

import pytest

from soh.local import class_archive, configs, hadoop_configs, store_configs
from soh.local.home import Home
from soh.specs import TOPICS


@pytest.fixture
def files(home):
    configs.write_all(home)
    return [path for folder in (home.conf, home.airflow) for path in folder.rglob("*") if path.is_file()]


def test_every_file_is_private(files):
    assert len(files) > 20
    assert [path for path in files if stat.S_IMODE(path.stat().st_mode) != 0o600] == []


def test_rendered_twice_nothing_changes(home, files):
    before = {path: path.read_text() for path in files}
    configs.write_all(home)
    assert {path: path.read_text() for path in files} == before


def test_every_address_in_every_file_is_on_the_loopback(home, files):
    for path in files:
        hosts = re.findall(r"[/@>=,]([\w.-]+):(\d{4,5})\b", path.read_text())
        ours = [host for host, port in hosts if home.port_base <= int(port) < home.port_base + 100]
        assert set(ours) <= {"127.0.0.1"}, path


def test_no_two_servers_listen_on_one_port(home):
    addresses = [address for number in home.profile.brokers for address in kafka(home, number)["listeners"].split(",")]
    for settings in every_hadoop_server(home):
        addresses += [value for name, value in settings.items() if name.endswith("address")]
    influxdb = store_configs.influxdb(home)
    addresses += [influxdb[""]["bind-address"], influxdb["http"]["bind-address"]]
    addresses.append(store_configs.s3proxy(home)["s3proxy.endpoint"])
    ports = [str(address).rpartition(":")[2] for address in addresses]
    assert len(ports) == 3 * 2 + 2 * 3 + 2 * 3 + 5 + 2 + 2 + 1
    assert len(set(ports)) == len(ports)


def test_no_two_servers_share_a_folder(home):
    folders = [str(kafka(home, number)["log.dirs"]) for number in home.profile.brokers]
    for settings in every_hadoop_server(home):
        folders += [str(value) for name, value in settings.items() if name.endswith(FOLDERS)]
    influxdb = store_configs.influxdb(home)
    folders += [influxdb["meta"]["dir"], influxdb["data"]["dir"], influxdb["data"]["wal-dir"]]
    folders.append(str(store_configs.s3proxy(home)["jclouds.filesystem.basedir"]))
    assert len(folders) == 3 + 2 + 2 * 3 + 2 + 3 + 1
    assert len(set(folders)) == len(folders)
    assert all(str(home.data) in folder for folder in folders)


FOLDERS = ("data.dir", "name.dir", "local-dirs", "log-dirs", "recovery.dir", "state-store.uri")


def every_hadoop_server(home: Home) -> list[dict[str, object]]:
    return [
        hadoop_configs.hdfs(home),
        hadoop_configs.yarn(home),
        *(hadoop_configs.datanode(home, number) for number in home.profile.datanodes),
        *(hadoop_configs.nodemanager(home, number) for number in home.profile.nodemanagers),
    ]


def kafka(home: Home, broker: int) -> dict[str, object]:
    return configs.kafka(home, broker)


def test_every_broker_knows_the_same_three_controllers(home):
    voters = {str(kafka(home, number)["controller.quorum.voters"]) for number in home.profile.brokers}
    assert len(voters) == 1
    assert voters.pop().count("@127.0.0.1:") == 3
    assert [kafka(home, number)["node.id"] for number in home.profile.brokers] == [1, 2, 3]


def test_brokers_survive_the_loss_of_one_and_make_no_topic_by_themselves(home):
    settings = kafka(home, 1)
    for name, value in settings.items():
        if name.endswith("replication.factor"):
            assert value == 3, name
        if name.endswith(("min.isr", "min.insync.replicas")):
            assert value == 2, name
    assert settings["auto.create.topics.enable"] == "false"


def test_brokers_take_the_longest_message_of_any_topic(home):
    assert int(str(kafka(home, 1)["message.max.bytes"])) >= max(topic.max_message_size for topic in TOPICS.values())


def test_the_cluster_id_is_sixteen_bytes_the_same_for_one_copy_and_another_for_another(home, tmp_path):
    assert re.fullmatch(r"[\w-]{22}", configs.cluster_id(home))
    assert configs.cluster_id(home) == configs.cluster_id(Home(path=home.path, port_base=1))
    assert configs.cluster_id(home) != configs.cluster_id(Home(path=tmp_path / "other", port_base=1))


def test_airflow_has_its_own_secrets_and_a_valid_key(home):
    parser = configparser.RawConfigParser()
    parser.read_string(configs.airflow(home))
    assert re.fullmatch(r"[\w-]{43}=", parser["core"]["fernet_key"])
    assert parser["api"]["secret_key"] != parser["api_auth"]["jwt_secret"]
    assert parser["api"]["host"] == "127.0.0.1"
    assert parser["api"]["expose_config"] == "False"


def test_connections_lead_to_the_endpoints(home):
    found, endpoints = configs.connections(home), home.endpoints
    webhdfs, yarn = found["webhdfs_default"], found["yarn_default"]
    assert found["kafka_default"]["extra"] == {"bootstrap.servers": endpoints.kafka}
    assert f"http://{webhdfs['host']}:{webhdfs['port']}" == endpoints.webhdfs
    assert webhdfs["extra"] == {"hdfs": endpoints.hdfs}
    assert f"{yarn['schema']}://{yarn['host']}:{yarn['port']}" == endpoints.yarn
    tsdb = found["tsdb"]
    assert f"{tsdb['schema']}://{tsdb['host']}:{tsdb['port']}" == endpoints.tsdb
    assert found["lake_s3"]["extra"]["endpoint_url"] == endpoints.s3
    assert found["lake_catalog"]["password"] == home.secrets["catalog_db"]
    assert found["model_registry"]["password"] == home.secrets["registry_db"]
    # Airflow only shows what others wrote.
    assert (tsdb["login"], tsdb["password"]) == ("reader", home.secrets["tsdb_reader"])
    assert json.loads(json.dumps(found)) == found


def test_the_one_who_writes_grades_finds_its_password_in_a_file_and_nothing_else(home, files):
    assert (home.conf / configs.TSDB_WRITER_PASSWORD).read_text() == home.secrets["tsdb_writer"]


def test_the_clusters_spark_settings_upload_nothing_and_hold_no_secret(home):
    conf = configs.cluster_spark_conf()
    assert conf["spark.yarn.jars"].startswith("local:/")
    assert all(jar.startswith("local:/") for jar in conf["spark.jars"].split(","))
    for role in ("spark.yarn.appMasterEnv", "spark.executorEnv"):
        assert conf[f"{role}.SPARK_LOCAL_IP"] == "127.0.0.1"
        assert conf[f"{role}.PYSPARK_PYTHON"].endswith("/.venv/spark/bin/python")
    assert not [secret for secret in home.secrets.values() if secret in json.dumps(conf)]


def test_drivers_and_executors_are_told_of_the_archive_of_classes_on_the_class_path_it_was_made_for(home):
    conf = configs.connections(home)["spark_default"]["extra"]["soh_conf"]
    assert configs.cluster_spark_conf(home.profile).items() <= conf.items()
    for role in ("spark.driver", "spark.executor"):
        assert conf[f"{role}.extraClassPath"] == class_archive.class_path()
        assert f"-XX:SharedArchiveFile={class_archive.ARCHIVE}" in conf[f"{role}.defaultJavaOptions"].split()
