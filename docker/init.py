"""Set-up of the containers' Airflow and Kafka before they are used: what `./soh up` does on one machine.

Every part may run again: a changed password in `.env` is taken over by the next `docker compose up`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from soh.kafka import admin
from soh.kafka.plan import plan
from soh.local.configs import TSDB_READER, TSDB_WRITER, cluster_spark_conf
from soh.local.environments import VENVS
from soh.local.stores import Account, Privilege, make_buckets, make_tsdb
from soh.specs import TOPICS
from soh.specs.apps import BATCH_POOL

SECRETS = Path("/run/secrets")
KAFKA = "kafka-1:9092,kafka-2:9092,kafka-3:9092"
S3 = "http://s3proxy:9000"
MODELS = "s3://soh-models"
LAKE = "s3://lake"
TSDB = "http://influxdb:8086"
TSDB_DATABASE = "soh"
USER = "soh"
"""Whom the Hadoop servers run as, and so the owner of everything on HDFS."""
ADMIN = ("--username", "admin", "--firstname", "Admin", "--lastname", "Admin", "--email", "admin@localhost.localdomain")


def connections(secrets: Path) -> dict[str, dict[str, object]]:
    """Airflow connections to the containers, as `airflow connections import` reads them."""
    return {
        "kafka_default": {"conn_type": "kafka", "extra": {"bootstrap.servers": KAFKA}},
        "webhdfs_default": {
            "conn_type": "webhdfs",
            "host": "namenode",
            "port": 9870,
            "login": USER,
            "extra": {"hdfs": "hdfs://namenode:8020"},
        },
        "yarn_default": {"conn_type": "http", "host": "resourcemanager", "port": 8088, "schema": "http"},
        "spark_default": {
            "conn_type": "spark",
            "host": "yarn",
            "extra": {"deploy-mode": "cluster", "spark-binary": "spark-submit", "soh_conf": spark_conf()},
        },
        "lake_catalog": {
            "conn_type": "postgres",
            "host": "postgres",
            "port": 5432,
            "login": "lake_catalog",
            "password": (secrets / "lake_catalog_password").read_text(),
            "schema": "lake_catalog",
        },
        "model_registry": {
            "conn_type": "postgres",
            "host": "postgres",
            "port": 5432,
            "login": "model_registry",
            "password": (secrets / "model_registry_password").read_text(),
            "schema": "model_registry",
        },
        "lake_s3": {
            "conn_type": "aws",
            "login": (secrets / "s3_access_key").read_text(),
            "password": (secrets / "s3_secret_key").read_text(),
            "extra": {"endpoint_url": S3, "region_name": "us-east-1", "models": MODELS, "lake": LAKE},
        },
        "tsdb": {
            "conn_type": "http",
            "host": "influxdb",
            "port": 8086,
            "schema": "http",
            "login": TSDB_READER,
            "password": (secrets / "tsdb_reader_password").read_text(),
            "extra": {"database": TSDB_DATABASE},
        },
        "airflow_api": {
            "conn_type": "http",
            "host": "airflow-api-server",
            "port": 8080,
            "schema": "http",
            "login": "admin",
            "password": (secrets / "airflow_admin_password").read_text(),
        },
    }


def spark_conf() -> dict[str, str]:
    """The settings of the cluster on one machine, but for what is otherwise in containers.

    Nodes have the Spark environment only, and their drivers and executors must hear each other.
    """
    here = {name: value for name, value in cluster_spark_conf().items() if not name.endswith(".SPARK_LOCAL_IP")}
    return {**here, "spark.yarn.jars": here["spark.yarn.jars"].replace(f"{VENVS}/airflow/", f"{VENVS}/spark/")}


def buckets() -> str:
    """Make the buckets that models' artefacts and grades go to; returns what was made."""
    keys = ((SECRETS / name).read_text() for name in ("s3_access_key", "s3_secret_key"))
    return make_buckets(S3, (MODELS, LAKE), *keys)


def tsdb() -> str:
    """Make the time-series database and its users; returns what was made."""
    accounts = [
        Account(name=name, privilege=privilege, password=(SECRETS / f"tsdb_{name}_password").read_text())
        for name, privilege in ((TSDB_WRITER, Privilege.ALL), (TSDB_READER, Privilege.READ))
    ]
    return make_tsdb(TSDB, TSDB_DATABASE, (SECRETS / "tsdb_admin_password").read_text(), accounts)


def main() -> None:
    """Migrate the database, then make connections, pool, user, stores and topics what they are declared to be."""
    _airflow("db", "migrate")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(connections(SECRETS), file)
        file.flush()
        _airflow("connections", "import", "--overwrite", file.name)
    _airflow("pools", "set", BATCH_POOL, "1", "Batch apps on YARN, one at a time", "--include-deferred")
    password = (SECRETS / "airflow_admin_password").read_text()
    # Asked for twice, on standard input: an argument would be in the list of processes.
    _airflow("users", "create", "--role", "Admin", *ADMIN, answers=f"{password}\n{password}\n")
    _airflow("users", "reset-password", "--username", "admin", answers=f"{password}\n{password}\n")
    print(f"buckets: {buckets()}; time-series database: {tsdb()}")
    wanted = plan(TOPICS.values(), admin.describe(KAFKA, list(TOPICS)))
    print(f"{len(admin.apply(KAFKA, wanted))} topics made, {len(TOPICS)} declared")


def _airflow(*arguments: str, answers: str = "") -> None:
    subprocess.run(["airflow", *arguments], check=True, text=True, input=answers)


if __name__ == "__main__":
    main()
