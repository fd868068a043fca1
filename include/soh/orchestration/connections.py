"""The platform's addresses and secrets, read from Airflow's connections at execution time only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow.sdk import BaseHook, Connection

from soh.errors import BadInput
from soh.settings import Endpoints, Secrets

KAFKA = "kafka_default"
WEBHDFS = "webhdfs_default"
YARN = "yarn_default"
SPARK = "spark_default"
CATALOG = "lake_catalog"
AIRFLOW_API = "airflow_api"

REGISTRY = "model_registry"
S3 = "lake_s3"
TSDB = "tsdb"

Reader = Callable[[str], Connection]

ALL = (KAFKA, WEBHDFS, YARN, SPARK, CATALOG, AIRFLOW_API, REGISTRY, S3, TSDB)


def in_task(conn_id: str) -> Connection:
    """How tasks and triggers read a connection: through Airflow's API."""
    return BaseHook.get_connection(conn_id)


def in_api_server(conn_id: str) -> Connection:
    """How the api-server reads a connection: from its own database, which nothing else may do."""
    # Its models cost a second to import, and only the api-server has them loaded.
    from airflow.models.connection import Connection as StoredConnection

    return StoredConnection.get_connection_from_secrets(conn_id)


def kafka(read: Reader = in_task) -> str:
    """Addresses of the brokers. Raises what `endpoints` raises."""
    return _extra(read(KAFKA), "bootstrap.servers")


def webhdfs(read: Reader = in_task) -> tuple[str, str]:
    """Address of the NameNode's WebHDFS, and the user there. Raises what `endpoints` raises."""
    connection = read(WEBHDFS)
    return _url(connection), _part(connection, "login")


def endpoints(read: Reader = in_task) -> Endpoints:
    """Addresses of every server, without secrets; who needs one or two of them asks for those alone.

    Blocks on Airflow's API or database: in a loop it belongs in a thread. Raises AirflowNotFoundException
    for a connection that does not exist, BadInput for one that lacks a part.
    """
    files, catalog, registry, s3, tsdb = (read(conn_id) for conn_id in (WEBHDFS, CATALOG, REGISTRY, S3, TSDB))
    return Endpoints(
        kafka=kafka(read),
        webhdfs=_url(files),
        hdfs=_extra(files, "hdfs"),
        hdfs_user=_part(files, "login"),
        yarn=_url(read(YARN)),
        catalog_host=_part(catalog, "host"),
        catalog_port=int(_part(catalog, "port")),
        catalog_database=_part(catalog, "schema"),
        catalog_user=_part(catalog, "login"),
        airflow=_url(read(AIRFLOW_API)),
        registry_host=_part(registry, "host"),
        registry_port=int(_part(registry, "port")),
        registry_database=_part(registry, "schema"),
        registry_user=_part(registry, "login"),
        s3=_extra(s3, "endpoint_url"),
        models=_extra(s3, "models"),
        lake_bucket=_extra(s3, "lake"),
        tsdb=_url(tsdb),
        tsdb_database=_extra(tsdb, "database"),
    )


def cluster_conf() -> Mapping[str, str]:
    """The cluster's own Spark settings: jars, Python, environment of driver and executors."""
    connection = in_task(SPARK)
    conf = connection.extra_dejson.get("soh_conf")
    if not isinstance(conf, dict):
        raise BadInput(f"connection {connection.conn_id}: its extra has no object soh_conf; ./soh up writes it")
    return {str(key): str(value) for key, value in conf.items()}


def catalog_password() -> str:
    """Password of the catalog's user in PostgreSQL."""
    return _part(in_task(CATALOG), "password")


def app_secrets() -> Secrets:
    """What Spark apps must know beside the addresses."""
    s3 = in_task(S3)
    return Secrets(
        catalog_password=catalog_password(),
        registry_password=registry_password(),
        s3_access_key=_part(s3, "login"),
        s3_secret_key=_part(s3, "password"),
    )


def registry_password(read: Reader = in_task) -> str:
    """Password of the model registry's user in PostgreSQL."""
    return _part(read(REGISTRY), "password")


def tsdb_login(read: Reader = in_task) -> tuple[str, str]:
    """User and password that may read the time-series database."""
    connection = read(TSDB)
    return _part(connection, "login"), _part(connection, "password")


def airflow_login() -> tuple[str, str]:
    """User and password for Airflow's own REST API."""
    connection = in_task(AIRFLOW_API)
    return _part(connection, "login"), _part(connection, "password")


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
