"""Kafka records as Spark's source shows them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
from pyspark.sql import DataFrame, SparkSession
from tests.fakes.messages import SENT

HEADERS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))


def table(
    values: Sequence[bytes | None],
    *,
    topic: str = "heat",
    first_offset: int = 0,
    headers: list[tuple[str, bytes]] | None = None,
) -> pa.Table:
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
    return pa.table(columns)


def records(spark: SparkSession, values: Sequence[bytes | None], **more: Any) -> DataFrame:
    """The records of `table`."""
    # From Arrow, because rows from Python would start Python workers.
    return spark.createDataFrame(table(values, **more))


def arrive(folder: Path, values: Sequence[bytes | None], first_offset: int) -> None:
    """One file of records more in a folder that a stream reads, and so one micro-batch."""
    folder.mkdir(exist_ok=True)
    # Whole or not there: a stream leaves out what begins with a dot.
    partial = folder / f".{first_offset}"
    parquet.write_table(table(values, first_offset=first_offset), partial)
    partial.rename(folder / f"{first_offset}.parquet")
