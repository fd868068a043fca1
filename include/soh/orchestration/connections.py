"""The platform's addresses and secrets, read from Airflow's connections at execution time only."""

from __future__ import annotations

from collections.abc import Mapping

from airflow.sdk import BaseHook, Connection

from soh.errors import BadInput
from soh.settings import Endpoints

KAFKA = "kafka_default"
WEBHDFS = "webhdfs_default"
YARN = "yarn_default"
SPARK = "spark_default"
CATALOG = "lake_catalog"
AIRFLOW_API = "airflow_api"

ALL = (KAFKA, WEBHDFS, YARN, SPARK, CATALOG, AIRFLOW_API)


def endpoints() -> Endpoints:
    """Addresses of every server, without secrets.

    Blocks on Airflow's API: in a trigger it belongs in a thread. Raises AirflowNotFoundException
    for a connection that does not exist, BadInput for one that lacks a part.
    """
    webhdfs, catalog = _get(WEBHDFS), _get(CATALOG)
    return Endpoints(
        kafka=_extra(_get(KAFKA), "bootstrap.servers"),
        webhdfs=_url(webhdfs),
        hdfs=_extra(webhdfs, "hdfs"),
        hdfs_user=_part(webhdfs, "login"),
        yarn=_url(_get(YARN)),
        catalog_host=_part(catalog, "host"),
        catalog_port=int(_part(catalog, "port")),
        catalog_database=_part(catalog, "schema"),
        catalog_user=_part(catalog, "login"),
        airflow=_url(_get(AIRFLOW_API)),
    )


def cluster_conf() -> Mapping[str, str]:
    """The cluster's own Spark settings: jars, Python, environment of driver and executors."""
    connection = _get(SPARK)
    conf = connection.extra_dejson.get("soh_conf")
    if not isinstance(conf, dict):
        raise BadInput(f"connection {connection.conn_id}: its extra has no object soh_conf; ./soh up writes it")
    return {str(key): str(value) for key, value in conf.items()}


def catalog_password() -> str:
    """Password of the catalog's user in PostgreSQL."""
    return _part(_get(CATALOG), "password")


def airflow_login() -> tuple[str, str]:
    """User and password for Airflow's own REST API."""
    connection = _get(AIRFLOW_API)
    return _part(connection, "login"), _part(connection, "password")


def _get(conn_id: str) -> Connection:
    return BaseHook.get_connection(conn_id)


def _url(connection: Connection) -> str:
    host = _part(connection, "host")
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = connection.schema or "http", host
    return f"{scheme}://{rest}:{connection.port}" if connection.port else f"{scheme}://{rest}"


def _part(connection: Connection, name: str) -> str:
    value = getattr(connection, name)
    if value in (None, ""):
        raise BadInput(f"connection {connection.conn_id}: its {name} is empty; ./soh up writes it")
    return str(value)


def _extra(connection: Connection, name: str) -> str:
    value = connection.extra_dejson.get(name)
    if not value:
        raise BadInput(f"connection {connection.conn_id}: its extra has no {name!r}; ./soh up writes it")
    return str(value)
