"""Columns in this process as the engine of a night: for days that one process can hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import jpype

from soh.lake.columns.jvm import iceberg, java, told
from soh.lake.columns.landed import ColumnsBatch, read_landed
from soh.lake.columns.looks import Looks
from soh.lake.columns.table import ColumnsTable
from soh.lake.columns.views import ColumnsSummary, summarise
from soh.lake.folding import Positions
from soh.lake.landing import Landing
from soh.settings import Endpoints, Secrets
from soh.specs import TableSpec, ViewSpec
from soh.specs.landing import LandedObject
from soh.specs.tables import CATALOG, Store
from soh.submit import catalog_settings

NAME = "local"


@dataclass(frozen=True, slots=True)
class ColumnsEngine:
    """A `soh.lake.engine.Engine` on columns; needs Java started (`jvm.start`)."""

    catalog: Any
    """Iceberg's own, opened by `open_catalog`."""
    landing: Landing
    looks: Looks = field(default_factory=Looks)

    def table(self, spec: TableSpec | ViewSpec) -> ColumnsTable:
        return ColumnsTable(catalog=self.catalog, spec=spec, looks=self.looks)

    def ensure(self, spec: TableSpec | ViewSpec) -> None:
        self.table(spec).ensure(spec.location(self.landing.bucket) if spec.store is Store.S3 else None)

    def read_landed(
        self, spec: TableSpec, objects: Sequence[LandedObject], start: Positions, end: Positions | None
    ) -> ColumnsBatch:
        return read_landed(self.table(spec), spec, self.landing, objects, start, end)

    def summarise(self, view: ViewSpec, snapshot: int, days: Collection[date]) -> ColumnsSummary:
        return summarise(view, snapshot, days, self.table)


def open_engine(endpoints: Endpoints, secrets: Secrets) -> ColumnsEngine:
    """The engine on the platform's servers. Raises what `open_catalog` raises."""
    landing = Landing(
        endpoint=endpoints.s3,
        bucket=endpoints.lake_bucket,
        access_key=secrets.s3_access_key,
        secret_key=secrets.s3_secret_key,
    )
    return ColumnsEngine(open_catalog(catalog_settings(endpoints, secrets), endpoints.hdfs_user), landing)


def open_catalog(settings: Mapping[str, str], user: str) -> Any:
    """The catalog by Spark's settings of it (`soh.submit.catalog_settings`), as `user` on HDFS.

    Raises ServerUnreachable when its database does not answer.
    """
    prefix = f"spark.sql.catalog.{CATALOG}."
    properties = jpype.java.util.HashMap()
    for key, value in settings.items():
        if key.startswith(prefix):
            properties.put(key.removeprefix(prefix), value)
    java("java").lang.System.setProperty("HADOOP_USER_NAME", user)
    catalog = iceberg().jdbc.JdbcCatalog()
    catalog.setConf(_hadoop())
    with told(f"opening the catalog at {properties.get('uri')}"):
        catalog.initialize(CATALOG, properties)
    return catalog


def _hadoop() -> Any:
    """Hadoop's settings, with those of the cluster's clients where this machine has them."""
    hadoop = java("org.apache.hadoop")
    configuration = hadoop.conf.Configuration()
    folder = java("java").lang.System.getenv("HADOOP_CONF_DIR")
    for name in ("core-site.xml", "hdfs-site.xml") if folder else ():
        if (file := Path(str(folder)) / name).exists():
            configuration.addResource(hadoop.fs.Path(file.as_uri()))
    return configuration
