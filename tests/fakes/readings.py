"""Readings of a fleet one by one, as tests look at them."""

from __future__ import annotations

from soh.fleet.source import Columns, Record


def one_by_one(columns: Columns) -> list[Record]:
    """A record for each place in the columns."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
