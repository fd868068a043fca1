"""The first design on the running platform: an app on YARN, a topic and a database of its own, removed afterwards."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from confluent_kafka.admin import NewTopic

from soh.bundle import write_bundle
from soh.errors import SetupFailed
from soh.hdfs import Hdfs
from soh.kafka.connection import admin_client, answers, asking
from soh.local.configs import TSDB_READER, TSDB_WRITER, cluster_spark_conf
from soh.local.environments import AIRFLOW_PYTHON
from soh.local.home import Home
from soh.local.services import airflow_environment
from soh.local.stores import ADMIN, Account, Privilege, make_tsdb
from soh.serving import influx
from soh.settings import PROJECT, child_environment
from soh.specs import SparkAppSpec
from soh.submit import properties, spark_settings
from soh.yarn import AppState, ResourceManager

_APP = SparkAppSpec(name="bench_two_queries", description="The first design's speed layer, to compare with.")
_RUNS_WITHIN = timedelta(minutes=4)
_GONE_WITHIN = timedelta(seconds=60)
_ANSWER_WITHIN = timedelta(seconds=10)
_SUBMIT_WITHIN = timedelta(minutes=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the first design has to itself, all of it named after one run."""

    name: str

    @property
    def run_tag(self) -> str:
        return f"soh_run_{self.name}"

    @property
    def checkpoints(self) -> str:
        """A path on HDFS."""
        return f"/soh/bench/{self.name}"


@contextmanager
def running(home: Home) -> Iterator[Baseline]:
    """The first design, running; at the end it is killed, and nothing of it is left."""
    baseline = Baseline(name=f"soh_bench_{secrets.token_hex(4)}")
    try:
        _make(home, baseline)
        _submit(home, baseline)
        _wait_until_it_runs(home, baseline)
        yield baseline
    finally:
        _remove(home, baseline)


def _make(home: Home, baseline: Baseline) -> None:
    accounts = [
        Account(name=TSDB_WRITER, privilege=Privilege.ALL, password=home.secrets["tsdb_writer"]),
        Account(name=TSDB_READER, privilege=Privilege.READ, password=home.secrets["tsdb_reader"]),
    ]
    make_tsdb(home.endpoints.tsdb, baseline.name, home.secrets["tsdb_admin"], accounts)
    client = admin_client(home.endpoints.kafka)
    with asking(home.endpoints.kafka, f"create {baseline.name}"):
        answers(
            client.create_topics([NewTopic(baseline.name, num_partitions=3, replication_factor=home.profile.replicas)])
        )


def _submit(home: Home, baseline: Baseline) -> None:
    where = home.endpoints
    settings = {
        **spark_settings(_APP, where, baseline.run_tag, cluster_spark_conf(home.profile), home.app_secrets),
        "spark.soh.bench.user": TSDB_WRITER,
        "spark.soh.bench.password": home.secrets["tsdb_writer"],
    }
    with tempfile.TemporaryDirectory(prefix="soh-bench-") as folder:
        file = Path(folder) / "spark.properties"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as private:
            private.write(properties(settings))
        command = [
            *(str(AIRFLOW_PYTHON.parent / "spark-submit"), "--master", "yarn", "--deploy-mode", "cluster"),
            *("--properties-file", str(file), "--py-files", str(write_bundle(Path(folder) / "soh.zip"))),
            str(PROJECT / "bench" / "spark" / "two_queries.py"),
            *("--kafka", where.kafka, "--topic", baseline.name, "--checkpoints", where.hdfs + baseline.checkpoints),
            *("--tsdb", where.tsdb, "--database", baseline.name),
        ]
        done = subprocess.run(
            command,
            env=child_environment(**airflow_environment(home)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SUBMIT_WITHIN.total_seconds(),
        )
    if done.returncode != 0:
        raise SetupFailed("spark-submit of the first design failed:\n" + "\n".join(done.stderr.splitlines()[-10:]))


def _wait_until_it_runs(home: Home, baseline: Baseline) -> None:
    """Wait until its first grade can be read."""
    yarn = ResourceManager(home.endpoints.yarn)
    deadline = time.monotonic() + _RUNS_WITHIN.total_seconds()
    with closing(_client(home, baseline.name)) as client, influx.asking(home.endpoints.tsdb, "read its points"):
        while not client.get_list_measurements():
            apps = yarn.apps(baseline.run_tag)
            if ended := [app for app in apps if not app.alive]:
                raise SetupFailed(f"the first design ended: {ended[0].ending}")
            if time.monotonic() > deadline:
                states = ", ".join(f"{app.id} {app.state}" for app in apps) or "no app"
                raise SetupFailed(f"the first design wrote no grade within {_RUNS_WITHIN}: {states}")
            time.sleep(1)


def _remove(home: Home, baseline: Baseline) -> None:
    yarn = ResourceManager(home.endpoints.yarn)
    for app in yarn.apps(baseline.run_tag):
        if app.state is not AppState.FINISHED and app.alive:
            yarn.kill(app.id)
            yarn.wait_until_gone(app.id, _GONE_WITHIN)
    client = admin_client(home.endpoints.kafka)
    with asking(home.endpoints.kafka, f"delete {baseline.name}"):
        if baseline.name in client.list_topics(timeout=_ANSWER_WITHIN.total_seconds()).topics:
            answers(client.delete_topics([baseline.name]))
    with closing(_client(home, "")) as database, influx.asking(home.endpoints.tsdb, f"drop {baseline.name}"):
        database.drop_database(baseline.name)
    Hdfs(home.endpoints.webhdfs, home.endpoints.hdfs_user).delete(baseline.checkpoints)


def _client(home: Home, database: str) -> influx.InfluxDBClient:
    return influx.client(
        home.endpoints.tsdb,
        database=database,
        user=ADMIN,
        password=home.secrets["tsdb_admin"],
        answer_within=_ANSWER_WITHIN,
    )
