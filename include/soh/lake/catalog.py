"""What the lake's tables hold, read from the catalog and the tables' own metadata, without an engine."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import psycopg2

from soh import s3
from soh.errors import BadInput, ServerUnreachable
from soh.hdfs import Hdfs
from soh.settings import Endpoints, Secrets
from soh.specs.tables import CATALOG, NAMESPACE

_CONNECT_TIMEOUT = timedelta(seconds=3)
_STATEMENT_TIMEOUT = timedelta(seconds=5)
_TRIES = 3

_METADATA_LOCATIONS = """
    SELECT table_name, metadata_location
      FROM iceberg_tables
     WHERE catalog_name = %s AND table_namespace = %s AND table_name = ANY(%s) AND metadata_location IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFigures:
    """Size of one table as its current snapshot states it; zeros for a table that nothing was written to."""

    name: str
    rows: int
    files: int
    """Data files."""
    bytes: int
    """Of the data files."""
    snapshots: int
    """How many are kept."""
    last_commit_at: datetime | None


def table_figures(endpoints: Endpoints, secrets: Secrets, hdfs: Hdfs, tables: Collection[str]) -> list[TableFigures]:
    """Figures of those of `tables` (names) that exist, by name.

    Raises ServerUnreachable when PostgreSQL, HDFS or the object store does not answer, BadInput for metadata that is
    not Iceberg's or is not where the catalog says.
    """
    figures: dict[str, TableFigures] = {}
    lost: dict[str, str] = {}
    for _ in range(_TRIES):
        # A writer may replace the metadata and delete the old file between the two questions.
        lost = metadata_locations(endpoints, secrets.catalog_password, lost or tables)
        for name, location in list(lost.items()):
            text = _read_text(location, endpoints, secrets, hdfs)
            if text is not None:
                figures[name] = parse_metadata(name, text)
                del lost[name]
        if not lost:
            return [figures[name] for name in sorted(figures)]
    missing = ", ".join(f"{location} of {name}" for name, location in sorted(lost.items()))
    raise BadInput(f"the catalog names metadata files that are not there: {missing}")


def _read_text(uri: str, endpoints: Endpoints, secrets: Secrets, hdfs: Hdfs) -> str | None:
    """Text of the metadata file at `uri`; None when it is not there."""
    parts = urlsplit(uri)
    if parts.scheme != "s3":
        return hdfs.read_text(parts.path)
    with s3.asking(endpoints.s3, f"give {uri}"):
        store = s3.client(endpoints.s3, secrets.s3_access_key, secrets.s3_secret_key)
        content = s3.get(store, parts.netloc, parts.path.lstrip("/"))
    return None if content is None else content.decode()


def metadata_locations(endpoints: Endpoints, password: str, tables: Collection[str]) -> dict[str, str]:
    """URI of the current metadata file of those of `tables` that exist. Raises ServerUnreachable."""
    address = f"{endpoints.catalog_host}:{endpoints.catalog_port}/{endpoints.catalog_database}"
    try:
        connection = psycopg2.connect(
            host=endpoints.catalog_host,
            port=endpoints.catalog_port,
            dbname=endpoints.catalog_database,
            user=endpoints.catalog_user,
            password=password,
            connect_timeout=int(_CONNECT_TIMEOUT.total_seconds()),
            options=f"-c statement_timeout={int(_STATEMENT_TIMEOUT.total_seconds() * 1000)}",
        )
    except psycopg2.Error as error:
        raise ServerUnreachable(
            f"the catalog at {address} does not take user {endpoints.catalog_user}: {str(error).strip()}"
        ) from error
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(_METADATA_LOCATIONS, (CATALOG, NAMESPACE, list(tables)))
            return dict(cursor.fetchall())
    except psycopg2.errors.UndefinedTable:
        # The first app that opens the catalog makes its tables.
        return {}
    except psycopg2.Error as error:
        raise ServerUnreachable(
            f"the catalog at {address} did not list the tables of the lake: {str(error).strip()}"
        ) from error
    finally:
        connection.close()


def parse_metadata(name: str, text: str) -> TableFigures:
    """Figures in a table's `metadata.json`; BadInput when it is not one."""
    try:
        metadata = json.loads(text)
        snapshots = {snapshot["snapshot-id"]: snapshot for snapshot in metadata.get("snapshots", ())}
        current = metadata.get("current-snapshot-id")
        # Iceberg writes -1 or nothing for a table without a snapshot.
        if current is None or current == -1:
            return TableFigures(name=name, rows=0, files=0, bytes=0, snapshots=0, last_commit_at=None)
        return _figures(name, snapshots[current], len(snapshots))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"the metadata of table {name} is not Iceberg's: {type(error).__name__}: {error}") from None


def _figures(name: str, snapshot: dict[str, Any], snapshots: int) -> TableFigures:
    summary = snapshot["summary"]
    return TableFigures(
        name=name,
        rows=int(summary["total-records"]),
        files=int(summary["total-data-files"]),
        bytes=int(summary["total-files-size"]),
        snapshots=snapshots,
        last_commit_at=datetime.fromtimestamp(snapshot["timestamp-ms"] / 1000, tz=UTC),
    )
