"""Windows in Spark's state: readings in, the same readings with their features out, no watermark and no waiting."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming.state import GroupState, GroupStateTimeout
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from soh.classifier.features import channel_values, power_factors
from soh.specs import FleetSpec
from soh_spark.session import jvm
from soh_spark.windows import Readings, advance, without_silent

_HASH_SEED = 42
"""Of Spark's own hash partitioning."""
_NO_SEQ = -(2**63)
"""Stands for a missing `seq`, because pandas turns integers with nulls into floats."""

_STATE = StructType([StructField("channels", StringType()), StructField("rows", BinaryType())])
_CARRIED = StructType(
    [
        StructField("facility_id", LongType()),
        StructField("seq", LongType()),
        StructField("event_micros", LongType()),
        StructField("source_partition", IntegerType()),
        StructField("source_offset", LongType()),
        StructField("source_micros", LongType()),
    ]
)
"""What identifies a reading on its way through Python; times in microseconds since 1970."""
_WINDOW = StructType(
    [
        StructField("features", BinaryType()),
        StructField("readings", LongType()),
        StructField("late", BooleanType()),
        StructField("idle", BooleanType()),
    ]
)
"""What a reading is graded by: its features as consecutive doubles, and what is known of its window."""


def measured(fleet: FleetSpec) -> tuple[str, ...]:
    """Names of the numbers that go from a reading into its grade: temperature and power factors."""
    return ("temperature", *(pf.name for pf in fleet.power_factors))


def with_windows(decoded: DataFrame, fleet: FleetSpec, partitions: int) -> DataFrame:
    """Readings (rows of `soh_spark.decode`) with their windows, in an update-mode query without a watermark.

    `partitions` is how many parts the state has. The result has the columns of `_CARRIED`, the `measured` numbers of
    the fleet, and the columns of `_WINDOW`.
    """
    spark = decoded.sparkSession
    # Read once, when the query starts, and kept in its checkpoint ever after.
    spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
    readings = decoded.where("reason IS NULL").select(
        "facility_id",
        F.coalesce("seq", F.lit(_NO_SEQ)).alias("seq"),
        F.unix_micros("event_time").alias("event_micros"),
        F.col("kafka_partition").alias("source_partition"),
        F.col("kafka_offset").alias("source_offset"),
        F.unix_micros("kafka_timestamp").alias("source_micros"),
        *_measurements(fleet),
        _bucket(spark, partitions).alias("bucket"),
    )
    if partitions == 1:
        # One task from Kafka to Kafka: without this a shuffle would part reading from grading.
        readings = readings.coalesce(1)
    schema = StructType([*_CARRIED, *(StructField(name, DoubleType()) for name in measured(fleet)), *_WINDOW])
    graded = readings.groupBy("bucket").applyInPandasWithState(
        _step(fleet, in_order=partitions == 1), schema, _STATE, "update", GroupStateTimeout.NoTimeout
    )
    return graded.withColumn("seq", F.nullif("seq", F.lit(_NO_SEQ)))


def _measurements(fleet: FleetSpec) -> list[str]:
    """Fields of a reading that its features, its power factors, its temperature and its idleness come from."""
    wanted = {fleet.temperature, *fleet.inputs}
    return [field.name for field in fleet.readings.schema.measurements if field.name in wanted]


def _bucket(spark: SparkSession, partitions: int) -> Column:
    """The bucket of a facility: one for each partition of the state, named so that Spark's hash puts it there."""
    murmur = jvm(spark).org.apache.spark.unsafe.hash.Murmur3_x86_32(_HASH_SEED)
    names: dict[int, int] = {}
    candidate = 0
    while len(names) < partitions:
        names.setdefault(murmur.hashInt(candidate) % partitions, candidate)
        candidate += 1
    buckets = F.array(*(F.lit(name) for name in sorted(names.values())))
    return F.get(buckets, F.pmod(F.hash("facility_id"), F.lit(partitions)))


def _step(
    fleet: FleetSpec, *, in_order: bool
) -> Callable[[Any, Iterator[pd.DataFrame], GroupState], Iterator[pd.DataFrame]]:
    """What Spark calls for each bucket of a micro-batch.

    `in_order`: the readings of a Kafka partition come in the order of their offsets, as they do without a shuffle.
    """
    channels = fleet.model.features.channels
    # A state of other channels, or written in another way, is of no use: windows then fill anew.
    layout = f"{Readings.FORMAT}:{','.join(channels)}"

    def step(_: Any, frames: Iterator[pd.DataFrame], state: GroupState) -> Iterator[pd.DataFrame]:
        # Spark joins frames in a way that pandas will change some day, and would say so in the log at every batch.
        warnings.filterwarnings("ignore", category=FutureWarning, module="pyspark")
        known, rows = state.get if state.exists else (layout, b"")
        kept = Readings.from_bytes(rows if known == layout else b"", len(channels))
        newest_sent: dict[int, int] = {}
        # One after the other: of a backlog, the first readings are graded while the next are on their way here. But a
        # later one that came first would make those before it late.
        for frame in frames if in_order else [pd.concat(frames, ignore_index=True)]:
            kept, graded = _advanced(kept, frame, fleet)
            yield graded
            for partition, sent in frame.groupby("source_partition")["source_micros"].max().items():
                newest_sent[partition] = max(sent, newest_sent.get(partition, sent))
        state.update((layout, without_silent(kept, newest_sent).to_bytes()))

    return step


def _advanced(kept: Readings, frame: pd.DataFrame, fleet: FleetSpec) -> tuple[Readings, pd.DataFrame]:
    """What is kept after the readings of `frame`, and those readings with their windows."""
    frame = frame.take(np.lexsort((frame["source_offset"], frame["source_partition"])))
    columns = {name: frame[name].to_numpy(np.float64) for name in _measurements(fleet)}
    new = Readings(
        facilities=frame["facility_id"].to_numpy(np.int64),
        times=frame["event_micros"].to_numpy(np.int64),
        sent=frame["source_micros"].to_numpy(np.int64),
        values=channel_values(columns, fleet),
    )
    kept, windows = advance(kept, new, fleet.model.features)
    numbers = {"temperature": columns[fleet.temperature], **power_factors(columns, fleet)}
    still = columns[fleet.idle_at_zero] == 0 if fleet.idle_at_zero else np.zeros(len(new), np.bool_)
    graded = {
        **{name: frame[name].to_numpy() for name in _CARRIED.names},
        **numbers,
        "features": _packed(windows.features),
        "readings": windows.readings,
        "late": windows.late,
        "idle": still,
    }
    return kept, pd.DataFrame(graded)


def _packed(features: np.ndarray) -> list[bytes]:
    """Each row as bytes: one column instead of a hundred on the way through Arrow."""
    width = features.shape[1] * features.itemsize
    content = np.ascontiguousarray(features).tobytes()
    return [content[start : start + width] for start in range(0, len(content), width)]
