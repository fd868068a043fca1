"""Configuration files of the servers, rendered below `SOH_HOME/conf`."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from configparser import RawConfigParser
from io import StringIO

from soh.local import class_archive, hadoop_configs, store_configs
from soh.local.environments import JARS, SPARK_PYTHON, java_home
from soh.local.home import Home
from soh.local.profile import STANDARD, Profile
from soh.settings import PROJECT, S3_REGION

TSDB_WRITER, TSDB_READER = "writer", "reader"
TSDB_WRITER_PASSWORD = "tsdb-writer.password"  # noqa: S105
S3_ACCESS_KEY, S3_SECRET_KEY = "s3-access.key", "s3-secret.key"
"""Files below `Home.conf` for the services that write grades: their arguments are for everybody to read."""

_LOG4J2 = """\
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
"""


def write_all(home: Home) -> None:
    """Render every configuration file; running servers keep what they read at their start."""
    home.endpoints.write(home.endpoints_file)
    home.write_private("log4j2.properties", _LOG4J2)
    for broker in home.profile.brokers:
        home.write_private(f"kafka-{broker}.properties", _properties(kafka(home, broker)))
    hadoop_configs.write(home)
    home.write_private("s3proxy.properties", _properties(store_configs.s3proxy(home)))
    home.write_private("influxdb.conf", store_configs.toml(store_configs.influxdb(home)))
    home.write_private(TSDB_WRITER_PASSWORD, home.secrets["tsdb_writer"])
    home.write_private(S3_ACCESS_KEY, home.secrets["s3_access_key"])
    home.write_private(S3_SECRET_KEY, home.secrets["s3_secret_key"])
    home.write_private("../airflow/airflow.cfg", airflow(home))
    passwords = {"admin": home.secrets["airflow_admin"], "viewer": home.secrets["airflow_viewer"]}
    home.write_private("../airflow/passwords.json", json.dumps(passwords))
    home.write_private("connections.json", json.dumps(connections(home), indent=2))


def cluster_id(home: Home) -> str:
    """Kafka's cluster id: 16 bytes as URL-safe base64, the same for every broker of this copy."""
    return base64.urlsafe_b64encode(hashlib.md5(str(home.path).encode(), usedforsecurity=False).digest()).decode()[:22]


def kafka(home: Home, broker: int) -> dict[str, object]:
    """Settings of one broker, which is a controller too."""
    ports, profile = home.ports, home.profile
    voters = ",".join(f"{number}@127.0.0.1:{getattr(ports, f'controller_{number}')}" for number in profile.brokers)
    return {
        "process.roles": "broker,controller",
        "node.id": broker,
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://127.0.0.1:{getattr(ports, f'kafka_{broker}')},"
        f"CONTROLLER://127.0.0.1:{getattr(ports, f'controller_{broker}')}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{getattr(ports, f'kafka_{broker}')}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": home.data / f"kafka-{broker}",
        "auto.create.topics.enable": "false",
        "default.replication.factor": profile.replicas,
        "min.insync.replicas": profile.min_insync,
        "offsets.topic.replication.factor": profile.replicas,
        # Sized for few brokers on one machine, where 50 partitions each only cost start-up time.
        "offsets.topic.num.partitions": 3,
        "transaction.state.log.replication.factor": profile.replicas,
        "transaction.state.log.min.isr": profile.min_insync,
        "transaction.state.log.num.partitions": 3,
        "share.coordinator.state.topic.replication.factor": profile.replicas,
        "share.coordinator.state.topic.min.isr": profile.min_insync,
        "group.initial.rebalance.delay.ms": 0,
        # A broker killed with -9 is taken out of the way within seconds.
        "broker.session.timeout.ms": 6000,
        "log.retention.check.interval.ms": 60000,
        "message.max.bytes": 2 * 1024 * 1024,
        "replica.fetch.max.bytes": 4 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }


def airflow(home: Home) -> str:
    """`airflow.cfg`, with only what differs from Airflow's defaults."""
    secrets, rest = home.secrets, home.profile.scheduler_rest
    database = f"airflow:{secrets['airflow_db']}@127.0.0.1:{home.ports.postgres}/airflow"
    fernet = base64.urlsafe_b64encode(hashlib.sha256(secrets["api_secret"].encode()).digest()).decode()
    parser = RawConfigParser()
    parser.read_dict(
        {
            "core": {
                "dags_folder": PROJECT / "dags",
                "plugins_folder": PROJECT / "plugins",
                "executor": "LocalExecutor",
                "parallelism": home.profile.airflow_slots,
                "load_examples": "False",
                "fernet_key": fernet,
                "default_timezone": "utc",
                "dags_are_paused_at_creation": "True",
                "max_active_tasks_per_dag": 16,
                "simple_auth_manager_users": "admin:admin,viewer:viewer",
                "simple_auth_manager_passwords_file": home.airflow / "passwords.json",
                "execution_api_server_url": f"http://127.0.0.1:{home.ports.airflow}/execution/",
            },
            "database": {
                "sql_alchemy_conn": f"postgresql+psycopg2://{database}",
                "sql_alchemy_pool_size": 5,
            },
            "api": {
                "host": "127.0.0.1",
                "port": home.ports.airflow,
                "base_url": f"http://127.0.0.1:{home.ports.airflow}",
                "workers": 1,
                "secret_key": secrets["api_secret"],
                "expose_config": "False",
            },
            "api_auth": {"jwt_secret": secrets["jwt_secret"]},
            "logging": {"base_log_folder": home.logs / "airflow-tasks"},
            "dag_processor": {
                "dag_file_processor_timeout": 60,
                "min_file_process_interval": home.profile.parse_every,
                "parsing_processes": 1,
                "refresh_interval": 60,
            },
            "scheduler": {
                # A killed worker or scheduler is noticed within a minute, not five.
                "task_instance_heartbeat_timeout": 60,
                "task_instance_heartbeat_timeout_detection_interval": 10,
                "orphaned_tasks_check_interval": 30,
                **({"scheduler_idle_sleep_time": rest} if rest else {}),
            },
            "usage_data_collection": {"enabled": "False"},
        }
    )
    text = StringIO()
    parser.write(text)
    return text.getvalue()


def connections(home: Home) -> dict[str, dict[str, object]]:
    """Airflow connections to the servers of this copy, as `airflow connections import` reads them."""
    ports, endpoints = home.ports, home.endpoints
    return {
        "kafka_default": {"conn_type": "kafka", "extra": {"bootstrap.servers": endpoints.kafka}},
        "webhdfs_default": {
            "conn_type": "webhdfs",
            "host": "127.0.0.1",
            "port": ports.namenode_http,
            "login": endpoints.hdfs_user,
            "extra": {"hdfs": endpoints.hdfs},
        },
        "yarn_default": {"conn_type": "http", "host": "127.0.0.1", "port": ports.yarn_http, "schema": "http"},
        "spark_default": {
            "conn_type": "spark",
            "host": "yarn",
            "extra": {
                "deploy-mode": "cluster",
                "spark-binary": "spark-submit",
                "soh_conf": {**cluster_spark_conf(home.profile), **class_archive.spark_conf()},
            },
        },
        "lake_catalog": {
            "conn_type": "postgres",
            "host": endpoints.catalog_host,
            "port": endpoints.catalog_port,
            "login": endpoints.catalog_user,
            "password": home.secrets["catalog_db"],
            "schema": endpoints.catalog_database,
        },
        "model_registry": {
            "conn_type": "postgres",
            "host": endpoints.registry_host,
            "port": endpoints.registry_port,
            "login": endpoints.registry_user,
            "password": home.secrets["registry_db"],
            "schema": endpoints.registry_database,
        },
        "lake_s3": {
            "conn_type": "aws",
            "login": home.secrets["s3_access_key"],
            "password": home.secrets["s3_secret_key"],
            "extra": {
                "endpoint_url": endpoints.s3,
                "region_name": S3_REGION,
                "models": endpoints.models,
                "lake": endpoints.lake_bucket,
            },
        },
        "tsdb": {
            "conn_type": "http",
            "host": "127.0.0.1",
            "port": ports.tsdb,
            "schema": "http",
            "login": TSDB_READER,
            "password": home.secrets["tsdb_reader"],
            "extra": {"database": endpoints.tsdb_database},
        },
        "airflow_api": {
            "conn_type": "http",
            "host": "127.0.0.1",
            "port": ports.airflow,
            "schema": "http",
            "login": "admin",
            "password": home.secrets["airflow_admin"],
        },
    }


def cluster_spark_conf(profile: Profile = STANDARD) -> dict[str, str]:
    """Spark settings that belong to this machine's cluster and not to an app."""
    environment = {"PYSPARK_PYTHON": str(SPARK_PYTHON), "JAVA_HOME": str(java_home()), "SPARK_LOCAL_IP": "127.0.0.1"}
    return {
        # local: the jars lie on every node already, so that a launch uploads nothing.
        "spark.yarn.jars": f"local:{class_archive.spark_jars()}",
        "spark.jars": ",".join(f"local:{jar}" for jar in sorted((JARS / "spark").glob("*.jar"))),
        **{f"spark.yarn.appMasterEnv.{name}": value for name, value in environment.items()},
        **{f"spark.executorEnv.{name}": value for name, value in environment.items()},
        **profile.spark,
    }


def _properties(settings: Mapping[str, object]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())
