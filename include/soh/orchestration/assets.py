"""The lake's tables as Airflow assets, derived from their declarations."""

from __future__ import annotations

from airflow.sdk import Asset

from soh.specs import TABLES, TableSpec


def asset_of(table: TableSpec) -> Asset:
    """One asset per table; its events carry the figures of the night."""
    return Asset(name=table.identifier, uri=f"iceberg://{table.identifier.replace('.', '/')}", group="lake")


ASSETS = {name: asset_of(table) for name, table in TABLES.items()}
