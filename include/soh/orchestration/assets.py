"""The lake's tables as Airflow assets, derived from their declarations."""

from __future__ import annotations

from airflow.sdk import Asset

from soh.specs import TABLES, TableSpec


def asset_of(table: TableSpec) -> Asset:
    """One asset per table; its events carry the figures of the night."""
    # No URI with a scheme: for one that it does not know Airflow imports every provider's handlers, boto3 too.
    return Asset(name=table.identifier, group="lake")


ASSETS = {name: asset_of(table) for name, table in TABLES.items()}
