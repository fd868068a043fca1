"""The lake's tables and the models as Airflow assets, derived from their declarations."""

from __future__ import annotations

from airflow.sdk import Asset

from soh.specs import MODELS, TABLES, TableSpec


def asset_of(table: TableSpec) -> Asset:
    """One asset per table; its events carry the figures of the night."""
    # No URI with a scheme: for one that it does not know Airflow imports every provider's handlers, boto3 too.
    return Asset(name=table.identifier, group="lake")


ASSETS = {name: asset_of(table) for name, table in TABLES.items()}

MODEL_ASSETS = {name: Asset(name=f"model.{name}", group="models") for name in MODELS}
"""One asset per model; its events carry the figures of a training, whether it made a champion or not."""
