"""Configuration files of the servers, rendered below `SOH_HOME/conf`."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from configparser import RawConfigParser
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

from soh.local.environments import JARS, SPARK_PYTHON, VENVS, java_home
from soh.local.home import Home
from soh.settings import PROJECT

BROKERS = (1, 2, 3)
DATANODES = (1, 2)
NODEMANAGERS = (1, 2)

_LOG4J = """\
log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n
log4j.logger.org.apache.hadoop.hdfs.StateChange=WARN
log4j.logger.BlockStateChange=WARN
log4j.logger.org.apache.hadoop.hdfs.server.datanode.DataNode.clienttrace=WARN
"""

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
    for broker in BROKERS:
        home.write_private(f"kafka-{broker}.properties", _properties(kafka(home, broker)))
    _write_hadoop(home, "hadoop", hdfs(home), yarn(home))
    for number in DATANODES:
        _write_hadoop(home, f"datanode-{number}", {**hdfs(home), **datanode(home, number)}, yarn(home))
    for number in NODEMANAGERS:
        _write_hadoop(home, f"nodemanager-{number}", hdfs(home), {**yarn(home), **nodemanager(home, number)})
    # The jars lack the web folders that the HTTP servers of HDFS insist on.
    for webapp in ("hdfs", "datanode", "cluster", "node"):
        (home.conf / "web" / "webapps" / webapp / "WEB-INF").mkdir(parents=True, exist_ok=True)
    home.write_private("../airflow/airflow.cfg", airflow(home))
    passwords = {"admin": home.secrets["airflow_admin"], "viewer": home.secrets["airflow_viewer"]}
    home.write_private("../airflow/passwords.json", json.dumps(passwords))
    home.write_private("connections.json", json.dumps(connections(home), indent=2))


def cluster_id(home: Home) -> str:
    """Kafka's cluster id: 16 bytes as URL-safe base64, the same for every broker of this copy."""
    return base64.urlsafe_b64encode(hashlib.md5(str(home.path).encode(), usedforsecurity=False).digest()).decode()[:22]


def kafka(home: Home, broker: int) -> dict[str, object]:
    """Settings of one broker, which is a controller too."""
    ports = home.ports
    voters = ",".join(f"{number}@127.0.0.1:{getattr(ports, f'controller_{number}')}" for number in BROKERS)
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
        "default.replication.factor": 3,
        "min.insync.replicas": 2,
        "offsets.topic.replication.factor": 3,
        # Sized for three brokers on one machine, where 50 partitions each only cost start-up time.
        "offsets.topic.num.partitions": 3,
        "transaction.state.log.replication.factor": 3,
        "transaction.state.log.min.isr": 2,
        "transaction.state.log.num.partitions": 3,
        "share.coordinator.state.topic.replication.factor": 3,
        "share.coordinator.state.topic.min.isr": 2,
        "group.initial.rebalance.delay.ms": 0,
        # A broker killed with -9 is taken out of the way within seconds.
        "broker.session.timeout.ms": 6000,
        "log.retention.check.interval.ms": 60000,
        "message.max.bytes": 2 * 1024 * 1024,
        "replica.fetch.max.bytes": 4 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }


def hdfs(home: Home) -> dict[str, object]:
    """Settings of the NameNode and of every client of HDFS."""
    ports = home.ports
    return {
        "dfs.replication": 2,
        "dfs.namenode.rpc-address": f"127.0.0.1:{ports.namenode}",
        "dfs.namenode.http-address": f"127.0.0.1:{ports.namenode_http}",
        "dfs.namenode.name.dir": f"file://{home.data}/namenode",
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.namenode.safemode.extension": 1000,
        # A DataNode killed with -9 is known as dead after about half a minute, not ten.
        "dfs.namenode.heartbeat.recheck-interval": 10000,
        "dfs.heartbeat.interval": 1,
        "dfs.permissions.superusergroup": home.server_user,
        "dfs.webhdfs.enabled": "true",
        # Two DataNodes: there is never a third to replace a lost one by.
        "dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
        "dfs.client.socket-timeout": 20000,
        "dfs.client.use.datanode.hostname": "false",
    }


def datanode(home: Home, number: int) -> dict[str, object]:
    """What one server has beyond the settings that all share."""
    ports = home.ports
    return {
        "dfs.datanode.data.dir": f"file://{home.data}/datanode-{number}",
        "dfs.datanode.address": f"127.0.0.1:{getattr(ports, f'datanode_{number}')}",
        "dfs.datanode.http.address": f"127.0.0.1:{getattr(ports, f'datanode_{number}_http')}",
        "dfs.datanode.ipc.address": f"127.0.0.1:{getattr(ports, f'datanode_{number}_ipc')}",
        "dfs.datanode.hostname": "127.0.0.1",
        "dfs.datanode.du.reserved": 0,
    }


def yarn(home: Home) -> dict[str, object]:
    """Settings of the ResourceManager and of every client of YARN."""
    ports = home.ports
    return {
        "yarn.resourcemanager.hostname": "127.0.0.1",
        "yarn.resourcemanager.address": f"127.0.0.1:{ports.yarn}",
        "yarn.resourcemanager.scheduler.address": f"127.0.0.1:{ports.yarn_scheduler}",
        "yarn.resourcemanager.resource-tracker.address": f"127.0.0.1:{ports.yarn_tracker}",
        "yarn.resourcemanager.admin.address": f"127.0.0.1:{ports.yarn_admin}",
        "yarn.resourcemanager.webapp.address": f"127.0.0.1:{ports.yarn_http}",
        "yarn.resourcemanager.scheduler.class": (
            "org.apache.hadoop.yarn.server.resourcemanager.scheduler.fifo.FifoScheduler"
        ),
        "yarn.resourcemanager.recovery.enabled": "true",
        "yarn.resourcemanager.store.class": (
            "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore"
        ),
        "yarn.resourcemanager.fs.state-store.uri": f"file://{home.data}/resourcemanager",
        "yarn.resourcemanager.work-preserving-recovery.scheduling-wait-ms": 2000,
        "yarn.resourcemanager.max-completed-applications": 200,
        "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": 1000,
        "yarn.nm.liveness-monitor.expiry-interval-ms": 60000,
        "yarn.am.liveness-monitor.expiry-interval-ms": 60000,
        "yarn.scheduler.minimum-allocation-mb": 256,
        "yarn.acl.enable": "false",
        "yarn.webapp.ui2.enable": "false",
        "yarn.timeline-service.enabled": "false",
    }


def nodemanager(home: Home, number: int) -> dict[str, object]:
    """What one server has beyond the settings that all share."""
    ports = home.ports
    return {
        "yarn.nodemanager.hostname": "127.0.0.1",
        "yarn.nodemanager.address": f"127.0.0.1:{getattr(ports, f'nodemanager_{number}')}",
        "yarn.nodemanager.localizer.address": f"127.0.0.1:{getattr(ports, f'nodemanager_{number}_localizer')}",
        "yarn.nodemanager.webapp.address": f"127.0.0.1:{getattr(ports, f'nodemanager_{number}_http')}",
        "yarn.nodemanager.local-dirs": home.data / f"nodemanager-{number}" / "local",
        "yarn.nodemanager.log-dirs": home.data / f"nodemanager-{number}" / "logs",
        "yarn.nodemanager.log.retain-seconds": 7 * 24 * 3600,
        "yarn.nodemanager.resource.memory-mb": 6144,
        "yarn.nodemanager.resource.cpu-vcores": 16,
        "yarn.nodemanager.aux-services": "",
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.pmem-check-enabled": "false",
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.9",
        "yarn.nodemanager.recovery.enabled": "true",
        # Supervised: a NodeManager that stops leaves its containers running for its successor.
        "yarn.nodemanager.recovery.supervised": "true",
        "yarn.nodemanager.recovery.dir": home.data / f"nodemanager-{number}" / "recovery",
    }


def airflow(home: Home) -> str:
    """`airflow.cfg`, with only what differs from Airflow's defaults."""
    secrets = home.secrets
    database = f"airflow:{secrets['airflow_db']}@127.0.0.1:{home.ports.postgres}/airflow"
    fernet = base64.urlsafe_b64encode(hashlib.sha256(secrets["api_secret"].encode()).digest()).decode()
    parser = RawConfigParser()
    parser.read_dict(
        {
            "core": {
                "dags_folder": PROJECT / "dags",
                "plugins_folder": PROJECT / "plugins",
                "executor": "LocalExecutor",
                "parallelism": 4,
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
                "min_file_process_interval": 120,
                "parsing_processes": 1,
                "refresh_interval": 60,
            },
            "scheduler": {
                # A killed worker or scheduler is noticed within a minute, not five.
                "task_instance_heartbeat_timeout": 60,
                "task_instance_heartbeat_timeout_detection_interval": 10,
                "orphaned_tasks_check_interval": 30,
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
            "extra": {"deploy-mode": "cluster", "spark-binary": "spark-submit", "soh_conf": cluster_spark_conf()},
        },
        "lake_catalog": {
            "conn_type": "postgres",
            "host": endpoints.catalog_host,
            "port": endpoints.catalog_port,
            "login": endpoints.catalog_user,
            "password": home.secrets["catalog_db"],
            "schema": endpoints.catalog_database,
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


def cluster_spark_conf() -> dict[str, str]:
    """Spark settings that belong to this machine's cluster and not to an app."""
    site = next((VENVS / "airflow" / "lib").glob("python3.*/site-packages"))
    environment = {"PYSPARK_PYTHON": str(SPARK_PYTHON), "JAVA_HOME": str(java_home()), "SPARK_LOCAL_IP": "127.0.0.1"}
    return {
        # local: the jars lie on every node already, so that a launch uploads nothing.
        "spark.yarn.jars": f"local:{site}/pyspark/jars/*",
        "spark.jars": ",".join(f"local:{jar}" for jar in sorted((JARS / "spark").glob("*.jar"))),
        **{f"spark.yarn.appMasterEnv.{name}": value for name, value in environment.items()},
        **{f"spark.executorEnv.{name}": value for name, value in environment.items()},
    }


def _write_hadoop(home: Home, folder: str, hdfs_site: Mapping[str, object], yarn_site: Mapping[str, object]) -> None:
    core_site = {
        "fs.defaultFS": home.endpoints.hdfs,
        "hadoop.tmp.dir": home.data / "hadoop-tmp",
        "hadoop.http.staticuser.user": "nobody",
        "ipc.client.connect.max.retries.on.timeouts": 3,
    }
    for name, site in (("core-site", core_site), ("hdfs-site", hdfs_site), ("yarn-site", yarn_site)):
        home.write_private(f"{folder}/{name}.xml", _site(site))
    home.write_private(f"{folder}/log4j.properties", _LOG4J)


def _site(settings: Mapping[str, object]) -> str:
    root = ElementTree.Element("configuration")
    for name, value in settings.items():
        entry = ElementTree.SubElement(root, "property")
        ElementTree.SubElement(entry, "name").text = name
        ElementTree.SubElement(entry, "value").text = str(value)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _properties(settings: Mapping[str, object]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def hadoop_classpath(home: Home, folder: str) -> str:
    """Class path of a Hadoop server: its configuration, the web folders it insists on, the jars."""
    return ":".join(str(path) for path in (home.conf / folder, home.conf / "web", Path(JARS / "hadoop" / "*")))
