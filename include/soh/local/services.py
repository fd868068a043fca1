"""The services of one copy: what is started, in which order, and how each shows that it is ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from soh.local.configs import S3_ACCESS_KEY, S3_SECRET_KEY, TSDB_WRITER, TSDB_WRITER_PASSWORD
from soh.local.environments import AIRFLOW_PYTHON, JARS, SPARK_PYTHON, influxd, java_home, postgres_bin, site_packages
from soh.local.hadoop_configs import hadoop_classpath
from soh.local.home import Home
from soh.local.options import FleetOptions
from soh.local.readiness import Ready, airflow_part_is_healthy, answering, exists, listening, reads_all
from soh.settings import PROJECT
from soh.specs.groups import SCORES_TO_S3, SCORES_TO_TSDB


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One supervised process."""

    name: str
    command: tuple[str, ...]
    ready: Ready
    stage: int
    """Services of one stage start together, after those of the stages before are ready."""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    directory: Path | None = None
    stop_signal: str = "TERM"
    stop_within: timedelta = timedelta(seconds=20)


def all_services(home: Home, fleet: FleetOptions) -> list[Service]:
    """Every service in the order of its start."""
    return [
        *(*_postgres(home), *_kafka(home), *_stores(home), *_fleet(home, fleet), *_hdfs(home), *_yarn(home)),
        *(*_airflow(home), *_serving(home, fleet)),
    ]


def airflow_environment(home: Home) -> dict[str, str]:
    """Environment of every Airflow process and of `./soh airflow`."""
    java = java_home()
    path = ":".join((str(AIRFLOW_PYTHON.parent), str(java / "bin"), "/usr/local/bin:/usr/bin:/bin"))
    return {
        "AIRFLOW_HOME": str(home.airflow),
        "HADOOP_CONF_DIR": str(home.hadoop_conf),
        "HADOOP_USER_NAME": home.server_user,
        "JAVA_HOME": str(java),
        "PATH": path,
        # spark-submit takes the first python3 on PATH to find its own home.
        "PYSPARK_PYTHON": str(AIRFLOW_PYTHON),
        # Spark would give every app a zip of its Python part, whose sources every Python of the app compiles anew.
        "PYSPARK_ARCHIVES_PATH": f"local:{site_packages(SPARK_PYTHON)}",
        "PYTHONPATH": str(PROJECT / "include"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SOH_HOME": str(home.path),
        # A JVM that only submits needs little.
        "SPARK_SUBMIT_OPTS": "-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    }


def java_command(
    home: Home, classpath: str, main: str, *arguments: str, heap: str, options: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Command line of a Java server on a machine that it shares with many others."""
    return (
        str(java_home() / "bin" / "java"),
        f"-Xmx{heap}",
        "-Xms64m",
        "-XX:+UseSerialGC",
        # Servers that are mostly idle: what the second compiler takes, most of it while everything starts, and the
        # memory for its code is more than it gives back.
        "-XX:TieredStopAtLevel=1",
        "-Djava.net.preferIPv4Stack=true",
        f"-Djava.io.tmpdir={home.temporary}",
        "--add-opens=java.base/java.lang=ALL-UNNAMED",
        *options,
        "-cp",
        classpath,
        main,
        *arguments,
    )


def _postgres(home: Home) -> list[Service]:
    port = home.ports.postgres
    # The socket folder is closed: only TCP with a password.
    command = (str(postgres_bin() / "postgres"), "-D", str(home.postgres_data), "-p", str(port), "-h", "127.0.0.1")
    return [
        Service(
            name="postgres",
            command=(*command, "-c", "unix_socket_directories=", "-c", "max_connections=80"),
            ready=listening(port),
            stage=1,
            user=home.postgres_user,
            directory=home.postgres_data,
            # INT is PostgreSQL's fast shutdown; TERM waits for every client to leave.
            stop_signal="INT",
        )
    ]


def kafka_command(home: Home, main: str, *arguments: str, heap: str) -> tuple[str, ...]:
    """Command line of a broker or of one of Kafka's tools."""
    log = f"-Dlog4j2.configurationFile={home.conf / 'log4j2.properties'}"
    return java_command(home, str(JARS / "kafka" / "*"), main, *arguments, heap=heap, options=(log,))


def _kafka(home: Home) -> list[Service]:
    heap = home.profile.heaps.kafka
    return [
        Service(
            name=f"kafka-{broker}",
            command=kafka_command(home, "kafka.Kafka", str(home.conf / f"kafka-{broker}.properties"), heap=heap),
            ready=listening(getattr(home.ports, f"kafka_{broker}")),
            stage=1,
            # All stop together: the last ones wait in vain for a quorum to hand their partitions to.
            stop_within=timedelta(seconds=8),
        )
        for broker in home.profile.brokers
    ]


def _stores(home: Home) -> list[Service]:
    s3proxy = java_command(
        home,
        str(JARS / "s3" / "*"),
        "org.gaul.s3proxy.Main",
        *("--properties", str(home.conf / "s3proxy.properties")),
        heap=home.profile.heaps.s3proxy,
        options=("-DLOG_LEVEL=warn",),
    )
    return [
        Service(name="s3proxy", command=s3proxy, ready=listening(home.ports.s3), stage=1),
        Service(
            name="influxdb",
            command=(str(influxd()), "-config", str(home.conf / "influxdb.conf")),
            ready=answering(f"{home.endpoints.tsdb}/ping?verbose=true"),
            stage=1,
        ),
    ]


def hadoop_command(home: Home, conf: str, main: str, *arguments: str, heap: str) -> tuple[str, ...]:
    """Command line of a server or tool of HDFS or YARN that reads the configuration folder `conf`."""
    return java_command(home, hadoop_classpath(home, conf), main, *arguments, heap=heap)


def _hdfs(home: Home) -> list[Service]:
    server, heaps = "org.apache.hadoop.hdfs.server", home.profile.heaps
    namenode = Service(
        name="namenode",
        command=hadoop_command(home, "hadoop", f"{server}.namenode.NameNode", heap=heaps.namenode),
        ready=answering(f"{home.endpoints.webhdfs}/webhdfs/v1/?op=LISTSTATUS&user.name={home.server_user}"),
        stage=1,
    )
    datanodes = [
        Service(
            name=f"datanode-{number}",
            command=hadoop_command(home, f"datanode-{number}", f"{server}.datanode.DataNode", heap=heaps.datanode),
            ready=listening(getattr(home.ports, f"datanode_{number}")),
            stage=3,
        )
        for number in home.profile.datanodes
    ]
    return [namenode, *datanodes]


def _yarn(home: Home) -> list[Service]:
    server, heaps = "org.apache.hadoop.yarn.server", home.profile.heaps
    resourcemanager = Service(
        name="resourcemanager",
        command=hadoop_command(home, "hadoop", f"{server}.resourcemanager.ResourceManager", heap=heaps.resourcemanager),
        ready=answering(f"{home.endpoints.yarn}/ws/v1/cluster/info"),
        stage=3,
    )
    nodemanagers = [
        Service(
            name=f"nodemanager-{number}",
            command=hadoop_command(
                home, f"nodemanager-{number}", f"{server}.nodemanager.NodeManager", heap=heaps.nodemanager
            ),
            # What a container may inherit; its own settings come with the app.
            environment={"HADOOP_CONF_DIR": str(home.hadoop_conf), "SPARK_LOCAL_IP": "127.0.0.1"},
            ready=answering(f"http://127.0.0.1:{getattr(home.ports, f'nodemanager_{number}_http')}/ws/v1/node/info"),
            stage=3,
        )
        for number in home.profile.nodemanagers
    ]
    return [resourcemanager, *nodemanagers]


def _airflow(home: Home) -> list[Service]:
    airflow = str(AIRFLOW_PYTHON.parent / "airflow")
    commands = {
        "api-server": ("api-server",),
        "scheduler": ("scheduler", "--skip-serve-logs"),
        "dag-processor": ("dag-processor",),
        "triggerer": ("triggerer", "--skip-serve-logs"),
    }
    return [
        Service(
            name=f"airflow-{name}",
            command=(str(AIRFLOW_PYTHON), "-m", "soh.local.alone", airflow, *arguments),
            environment=airflow_environment(home),
            ready=airflow_part_is_healthy(home, name),
            stage=4,
            directory=home.airflow,
        )
        for name, arguments in commands.items()
    ]


def _fleet(home: Home, options: FleetOptions) -> list[Service]:
    common = (
        "--kafka",
        home.endpoints.kafka,
        "--state-dir",
        str(home.fleet_state),
    )
    arguments = {
        "heat": (
            *("--facilities", str(options.heat_facilities)),
            *("--period", f"{options.heat_period_seconds:g}"),
            *_source_of_heat(options),
            *(("--past", f"{options.past:g}") if options.past is not None else ()),
        )
    }
    if options.hydraulic_data:
        arguments["hydraulic"] = (
            *("--facilities", str(options.hydraulic_facilities)),
            *("--data", str(options.hydraulic_data)),
            *(("--past", "0") if options.past == 0 else ()),
        )
    return [
        Service(
            name=f"fleet-{fleet}",
            command=(str(AIRFLOW_PYTHON), "-m", "soh.fleet", fleet, *common, *own),
            environment={"PYTHONPATH": str(PROJECT / "include"), "PYTHONUNBUFFERED": "1"},
            ready=exists(home.fleet_state / f"{fleet}.json"),
            stage=2,
        )
        for fleet, own in arguments.items()
    ]


def _source_of_heat(options: FleetOptions) -> tuple[str, ...]:
    if options.meter:
        return ("--meter", options.meter)
    return ("--hours-to-degrade", f"{options.hours_to_degrade:g}") if options.hours_to_degrade else ()


def _serving(home: Home, options: FleetOptions) -> list[Service]:
    return [
        Service(
            name="scores-to-tsdb",
            command=(
                *(str(AIRFLOW_PYTHON), "-m", "soh.serving.scores_to_tsdb"),
                *("--kafka", home.endpoints.kafka),
                *("--tsdb", home.endpoints.tsdb),
                *("--database", home.endpoints.tsdb_database),
                *("--user", TSDB_WRITER),
                *("--password-file", str(home.conf / TSDB_WRITER_PASSWORD)),
            ),
            environment={"PYTHONPATH": str(PROJECT / "include"), "PYTHONUNBUFFERED": "1"},
            ready=reads_all(home.endpoints.kafka, SCORES_TO_TSDB),
            stage=4,
        ),
        Service(
            name="scores-to-s3",
            command=(
                *(str(AIRFLOW_PYTHON), "-m", "soh.serving.scores_to_s3"),
                *("--kafka", home.endpoints.kafka),
                *("--s3", home.endpoints.s3),
                *("--bucket", home.endpoints.lake_bucket),
                *("--access-key-file", str(home.conf / S3_ACCESS_KEY)),
                *("--secret-key-file", str(home.conf / S3_SECRET_KEY)),
                *(("--every", str(options.landing_seconds)) if options.landing_seconds else ()),
            ),
            environment={"PYTHONPATH": str(PROJECT / "include"), "PYTHONUNBUFFERED": "1"},
            ready=reads_all(home.endpoints.kafka, SCORES_TO_S3),
            # Nobody waits for it at a first start.
            stage=5,
            # The end of its last write and of its last commit.
            stop_within=timedelta(seconds=30),
        ),
    ]
