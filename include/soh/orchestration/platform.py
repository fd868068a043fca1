"""Tasks that touch every server of the platform once; one task a server, so that red names it."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from soh import checks
from soh.airflow_api import AirflowApi
from soh.orchestration import connections


@task(task_id="check__kafka")
def check_kafka() -> dict[str, Any]:
    """Every broker, and one record through all of them."""
    return checks.check_kafka(connections.endpoints())


@task(task_id="check__hdfs")
def check_hdfs() -> dict[str, Any]:
    """One file written, read and deleted."""
    return checks.check_hdfs(connections.endpoints())


@task(task_id="check__yarn")
def check_yarn() -> dict[str, Any]:
    """The ResourceManager and its NodeManagers."""
    return checks.check_yarn(connections.endpoints())


@task(task_id="check__catalog")
def check_catalog() -> dict[str, Any]:
    """PostgreSQL, and the tables it knows."""
    return checks.check_catalog(connections.endpoints(), connections.app_secrets())


@task(task_id="check__registry")
def check_registry() -> dict[str, Any]:
    """PostgreSQL, and the champions that it knows."""
    return checks.check_registry(connections.endpoints(), connections.registry_password())


@task(task_id="check__s3")
def check_s3() -> dict[str, Any]:
    """One object written, read and deleted."""
    secrets = connections.app_secrets()
    return checks.check_s3(connections.endpoints(), secrets.s3_access_key, secrets.s3_secret_key)


@task(task_id="check__tsdb")
def check_tsdb() -> dict[str, Any]:
    """InfluxDB, as those who look at grades ask it."""
    return checks.check_tsdb(connections.endpoints(), *connections.tsdb_login())


@task(task_id="check__airflow")
def check_airflow() -> dict[str, Any]:
    """Airflow's own parts and Dag files."""
    return checks.check_airflow(AirflowApi(connections.endpoints().airflow, *connections.airflow_login()))
