"""Kafka records as Spark's source shows them, and readings to put into them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

HEADERS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))
SENT = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
"""The Kafka timestamp of every record here."""
NOW = SENT.timestamp()


def heat(**changes: Any) -> dict[str, Any]:
    """A readable message on topic `heat` under the English names; a change to None is a null."""
    return {"facility_id": 100, "seq": 7, "event_time": NOW, "temperature": 41.5, **changes}


def inspection(**changes: Any) -> dict[str, Any]:
    """A readable message on topic `heat_inspections`."""
    times = {"event_time": NOW, "from": NOW - 3600, "to": NOW}
    return {"facility_id": 100, **times, "condition": "loose_contact", "state": "warning", **changes}


def without(message: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in keys}


def text(message: Any) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()


def records(
    spark: SparkSession,
    values: Sequence[bytes | None],
    *,
    topic: str = "heat",
    first_offset: int = 0,
    headers: list[tuple[str, bytes]] | None = None,
) -> DataFrame:
    """One record for each value, at consecutive offsets of partition 2."""
    count = len(values)
    columns = {
        "key": pa.array([b"100"] * count, pa.binary()),
        "value": pa.array(values, pa.binary()),
        "topic": pa.array([topic] * count, pa.string()),
        "partition": pa.array([2] * count, pa.int32()),
        "offset": pa.array(range(first_offset, first_offset + count), pa.int64()),
        "timestamp": pa.array([SENT] * count, pa.timestamp("us", tz="UTC")),
        "timestampType": pa.array([0] * count, pa.int32()),
        "headers": pa.array([headers and [{"key": key, "value": value} for key, value in headers]] * count, HEADERS),
    }
    # From Arrow, because rows from Python would start Python workers.
    return spark.createDataFrame(pa.table(columns))
