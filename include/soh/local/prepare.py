"""First-time set-up of the servers' data: formats, roles, databases, connections. Each part does nothing twice."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psycopg2
from psycopg2 import sql

from soh.errors import SetupFailed
from soh.local.configs import TSDB_READER, TSDB_WRITER, cluster_id
from soh.local.environments import AIRFLOW_PYTHON, SPARK_PYTHON, postgres_bin
from soh.local.home import Home
from soh.local.services import airflow_environment, hadoop_command, kafka_command
from soh.local.stores import Account, Privilege, make_buckets, make_tsdb
from soh.settings import child_environment


def format_storage(home: Home) -> str:
    """Make the empty data folders of PostgreSQL, the brokers and the NameNode, all at once; returns what was made."""
    data = home.data
    parts = {
        "PostgreSQL": (home.postgres_data / "PG_VERSION", partial(_initdb, home)),
        **{
            f"broker {broker}": (data / f"kafka-{broker}" / "meta.properties", partial(_format_broker, home, broker))
            for broker in home.profile.brokers
        },
        "NameNode": (data / "namenode" / "current" / "VERSION", partial(_format_namenode, home)),
    }
    made = {name: make for name, (proof, make) in parts.items() if not proof.exists()}
    with ThreadPoolExecutor(len(parts)) as at_once:
        for making in [at_once.submit(make) for make in made.values()]:
            making.result()
    (home.data / "resourcemanager").mkdir(exist_ok=True)
    home.fleet_state.mkdir(exist_ok=True)
    for folder in (home.s3_data, home.tsdb_data):
        # Neither server closes what it writes to other users of the machine.
        folder.mkdir(mode=0o700, exist_ok=True)
    return ", ".join(made) or "all there"


def _format_broker(home: Home, broker: int) -> None:
    # One word, because an id may begin with a hyphen.
    arguments = (f"--cluster-id={cluster_id(home)}", "--config", str(home.conf / f"kafka-{broker}.properties"))
    format_log = kafka_command(home, "kafka.tools.StorageTool", "format", *arguments, heap="128m")
    _run(format_log, f"formatting broker {broker}")


def _format_namenode(home: Home) -> None:
    main = "org.apache.hadoop.hdfs.server.namenode.NameNode"
    _run(hadoop_command(home, "hadoop", main, "-format", "-nonInteractive", heap="256m"), "formatting the NameNode")


def _initdb(home: Home) -> None:
    folder = home.postgres_data
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    password_file = folder.parent / "postgres.password"
    account = pwd.getpwnam(home.postgres_user)
    try:
        password_file.touch(mode=0o600)
        password_file.write_text(home.secrets["postgres"])
        if os.geteuid() == 0:
            os.chown(folder, account.pw_uid, account.pw_gid)
            os.chown(password_file, account.pw_uid, account.pw_gid)
        options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--username=postgres")
        _run(
            (str(postgres_bin() / "initdb"), "-D", str(folder), f"--pwfile={password_file}", *options),
            "making the PostgreSQL cluster",
            user=home.postgres_user,
        )
    finally:
        password_file.unlink(missing_ok=True)


def databases(home: Home) -> str:
    """Make the role and the database of each of PostgreSQL's users; returns what was made."""
    made = []
    wanted = {
        "airflow": home.secrets["airflow_db"],
        home.endpoints.catalog_user: home.secrets["catalog_db"],
        home.endpoints.registry_user: home.secrets["registry_db"],
    }
    connection = psycopg2.connect(
        host="127.0.0.1",
        port=home.ports.postgres,
        user="postgres",
        password=home.secrets["postgres"],
        dbname="postgres",
        connect_timeout=5,
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for name, password in wanted.items():
                cursor.execute("select 1 from pg_roles where rolname = %s", (name,))
                if cursor.fetchone() is None:
                    role = sql.SQL("create role {} login password {}").format(
                        sql.Identifier(name), sql.Literal(password)
                    )
                    cursor.execute(role)
                cursor.execute("select 1 from pg_database where datname = %s", (name,))
                if cursor.fetchone() is None:
                    owned = sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(name))
                    cursor.execute(owned)
                    made.append(name)
    finally:
        connection.close()
    return ", ".join(made) or "all there"


def model_registry(home: Home) -> str:
    """Bring the registry's tables to what the installed MLflow expects; only after another one was installed.

    Done here, for two apps that begin at once would both make the tables.
    """
    stamp = home.data / "model-registry.prepared"
    made_from = (SPARK_PYTHON.parents[1] / ".made-from").read_text()
    if stamp.exists() and stamp.read_text() == made_from:
        return "all there"
    endpoints = home.endpoints
    at = f"{endpoints.registry_host}:{endpoints.registry_port}/{endpoints.registry_database}"
    _run(
        (str(SPARK_PYTHON.parent / "mlflow"), "db", "upgrade", f"postgresql+psycopg2://{endpoints.registry_user}@{at}"),
        "making the tables of the model registry",
        environment={"PGPASSWORD": home.secrets["registry_db"]},
    )
    stamp.write_text(made_from)
    return "tables made"


def buckets(home: Home) -> str:
    """Make the buckets that models' artefacts and grades go to."""
    endpoints, secrets = home.endpoints, home.secrets
    wanted = (endpoints.models, endpoints.lake_bucket)
    return make_buckets(endpoints.s3, wanted, secrets["s3_access_key"], secrets["s3_secret_key"])


def tsdb(home: Home) -> str:
    """Make the time-series database and its users."""
    accounts = [
        Account(name=TSDB_WRITER, privilege=Privilege.ALL, password=home.secrets["tsdb_writer"]),
        Account(name=TSDB_READER, privilege=Privilege.READ, password=home.secrets["tsdb_reader"]),
    ]
    return make_tsdb(home.endpoints.tsdb, home.endpoints.tsdb_database, home.secrets["tsdb_admin"], accounts)


def airflow_metadata(home: Home, batch_pool: str) -> str:
    """Migrate Airflow's database, import the connections, make the pool; only after one of them changed."""
    stamp = home.airflow / ".prepared"
    lock = AIRFLOW_PYTHON.parents[1] / ".made-from"
    connections = home.conf / "connections.json"
    digest = hashlib.sha256(lock.read_bytes() + connections.read_bytes() + batch_pool.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return "all there"
    run_airflow(
        home,
        ("db", "migrate"),
        ("connections", "import", "--overwrite", str(connections)),
        ("pools", "set", batch_pool, "1", "Batch apps on YARN, one at a time", "--include-deferred"),
    )
    stamp.write_text(digest)
    return "migrated, connections imported"


def run_airflow(home: Home, *commands: Sequence[str]) -> None:
    """Run commands of the Airflow CLI, one after the other in one process.

    Raises SetupFailed with the end of their output.
    """
    arguments = [json.dumps(command) for command in commands]
    _run(
        (str(AIRFLOW_PYTHON), "-m", "soh.local.several", "airflow", *arguments),
        f"airflow {', '.join(' '.join(command[:2]) for command in commands)}",
        environment=airflow_environment(home),
    )


def _run(
    command: tuple[str, ...], what: str, *, user: str | None = None, environment: Mapping[str, str] | None = None
) -> None:
    # Switching the user needs root even when it is our own.
    switch = (
        {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user and os.geteuid() == 0 else {}
    )
    done = subprocess.run(  # type: ignore[call-overload]
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=child_environment(**(environment or {})),
        cwd=Path("/"),
        **switch,
    )
    if done.returncode:
        tail = "\n    ".join(done.stdout.strip().splitlines()[-12:])
        raise SetupFailed(f"{what} failed with exit code {done.returncode}:\n    {tail}")
