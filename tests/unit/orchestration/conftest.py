"""Airflow without servers of its own: connections come from the environment, YARN is a small server."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest
from tests.fakes import airflow_home
from tests.fakes.endpoints import SECRETS

airflow_home.prepare()

SPARK_SUBMIT = """#!{python}
import json, os, pathlib, shutil, sys, urllib.request
arguments = sys.argv[1:]
properties = pathlib.Path(arguments[arguments.index("--properties-file") + 1])
bundle = arguments[arguments.index("--py-files") + 1]
text = properties.read_text()
told = dict(arguments=arguments, properties=text, mode=properties.stat().st_mode & 0o777,
            folder_mode=properties.parent.stat().st_mode & 0o777)
shutil.copy(bundle, {folder!r})
pathlib.Path({folder!r}, "told.json").write_text(json.dumps(told))
if os.path.exists({folder!r} + "/refuse"):
    sys.exit("Exception in thread: no such queue")
tags = next(line.split("=", 1)[1] for line in text.splitlines() if line.startswith("spark.yarn.tags="))
urllib.request.urlopen(urllib.request.Request({url!r}, data=tags.encode(), method="POST"))
"""


@pytest.fixture
def connections(monkeypatch, yarn):
    """The platform's connections, as `./soh up` makes them."""
    host, port = yarn.address.split(":")
    made = {
        "kafka_default": {"conn_type": "kafka", "extra": {"bootstrap.servers": "127.0.0.1:1,127.0.0.1:2"}},
        "webhdfs_default": {
            "conn_type": "webhdfs",
            "host": host,
            "port": int(port),
            "login": "root",
            "extra": {"hdfs": "hdfs://127.0.0.1:3"},
        },
        "yarn_default": {"conn_type": "http", "schema": "http", "host": host, "port": int(port)},
        "spark_default": {
            "conn_type": "spark",
            "host": "yarn",
            "extra": {"deploy-mode": "cluster", "spark-binary": "spark-submit", "soh_conf": {"spark.jars": "local:/x"}},
        },
        "lake_catalog": {
            "conn_type": "postgres",
            "host": "127.0.0.1",
            "port": 5432,
            "login": "lake",
            "password": SECRETS.catalog_password,
            "schema": "lake_catalog",
        },
        "model_registry": {
            "conn_type": "postgres",
            "host": "127.0.0.1",
            "port": 5432,
            "login": "models",
            "password": SECRETS.registry_password,
            "schema": "model_registry",
        },
        "lake_s3": {
            "conn_type": "aws",
            "login": SECRETS.s3_access_key,
            "password": SECRETS.s3_secret_key,
            "extra": {
                "endpoint_url": "http://127.0.0.1:8",
                "region_name": "us-east-1",
                "models": "s3://soh-models",
                "lake": "s3://lake",
            },
        },
        "tsdb": {
            "conn_type": "http",
            "schema": "http",
            "host": "127.0.0.1",
            "port": 9,
            "login": "reader",
            "password": "r3ad",
            "extra": {"database": "soh"},
        },
        "airflow_api": {"conn_type": "http", "host": "127.0.0.1", "port": 8080, "login": "admin", "password": "admin"},
    }
    for name, connection in made.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    return made


@pytest.fixture
def submitted(tmp_path, monkeypatch, yarn, connections):
    """What spark-submit was told; it stands first on PATH."""
    binary = tmp_path / "bin" / "spark-submit"
    binary.parent.mkdir()
    binary.write_text(SPARK_SUBMIT.format(python=sys.executable, folder=str(tmp_path), url=yarn.url))
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(binary.parent))
    return lambda: json.loads((tmp_path / "told.json").read_text())


class FakeTaskInstance:
    def __init__(self):
        self.xcoms = {}
        self.states = {}
        """State of the tasks of this run, by id."""

    def xcom_push(self, key, value):
        self.xcoms[key] = value

    def get_task_states(self, *, dag_id, run_ids, task_ids):
        return {run_ids[0]: {name: state for name, state in self.states.items() if name in task_ids}}


@pytest.fixture
def context():
    """What an operator is given, as far as ours look at it."""
    return {"run_id": "run_1", "ti": FakeTaskInstance(), "outlet_events": OutletEvents()}


class OutletEvents(dict):
    def __missing__(self, asset):
        self[asset] = SimpleNamespace(extra={})
        return self[asset]
