"""Labelled windows: what a facility sent, and what its inspections found, brought together.

An inspection says what was found over [from_time, to_time), and becomes known only afterwards. A window is labelled
when all of its readings were made while the same was found; the others teach nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import BooleanType, DoubleType, IntegerType, LongType, StructField, StructType

from soh.classifier.features import channel_values, fields_of, trailing
from soh.specs import FleetSpec
from soh.specs.models import HoldOut, HoldOutBy, Statistic

BUCKETS = 64
"""Groups of facilities whose readings are in memory together."""

_PLACE = ["kafka_partition", "kafka_offset"]
_NOTHING_FOUND = -1
_MICROSECOND = timedelta(microseconds=1)


def labelled_windows(spark: SparkSession, fleet: FleetSpec) -> DataFrame:
    """Every labelled window in the fleet's tables that the model's `learning` reaches.

    Columns: the place of the reading in Kafka, the index of its `state` in the fleet's states, whether it is
    `held_out`, and the features under their names.
    """
    inspections = spark.table(fleet.inspections_table.identifier)
    newest = inspections.agg(F.max(F.unix_micros("event_time"))).collect()[0][0] or 0
    since = F.timestamp_micros(F.lit(newest - fleet.model.learning.reach // _MICROSECOND))
    readings = spark.table(fleet.table.identifier).where(F.col("event_time") >= since)
    return join(readings, inspections.where(F.col("to_time") >= since), fleet)


def join(readings: DataFrame, inspections: DataFrame, fleet: FleetSpec) -> DataFrame:
    """`labelled_windows` of rows of the two tables; rows of the same record in Kafka count once."""
    bucket = F.pmod("facility_id", F.lit(BUCKETS)).alias("bucket")
    left = readings.select(
        bucket, "facility_id", *_PLACE, F.unix_micros("event_time").alias("micros"), *fields_of(fleet)
    )
    right = inspections.where(F.col("state").isin(*fleet.states)).select(
        bucket,
        "facility_id",
        F.unix_micros("event_time").alias("known_micros"),
        F.unix_micros("from_time").alias("from_micros"),
        F.unix_micros("to_time").alias("to_micros"),
        "condition",
        "state",
    )
    return (
        left.groupBy("bucket").cogroup(right.groupBy("bucket")).applyInPandas(_windows_of_bucket(fleet), _schema(fleet))
    )


def _schema(fleet: FleetSpec) -> StructType:
    return StructType(
        [
            StructField("kafka_partition", IntegerType()),
            StructField("kafka_offset", LongType()),
            StructField("state", IntegerType()),
            StructField("held_out", BooleanType()),
            *(StructField(name, DoubleType()) for name in fleet.model.features.names),
        ]
    )


def _windows_of_bucket(fleet: FleetSpec) -> Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]:
    """What Spark calls for each bucket."""

    def windows_of_bucket(readings: pd.DataFrame, inspections: pd.DataFrame) -> pd.DataFrame:
        return windows(readings, inspections, fleet)

    return windows_of_bucket


def windows(readings: pd.DataFrame, inspections: pd.DataFrame, fleet: FleetSpec) -> pd.DataFrame:
    """The labelled windows of some facilities, all of whose readings and inspections are given."""
    spec = fleet.model.features
    if readings.empty or inspections.empty:
        return pd.DataFrame(columns=_schema(fleet).names)
    labelled = _found(readings.drop_duplicates(_PLACE), inspections)
    labelled = labelled.sort_values(["facility_id", "micros", *_PLACE], ignore_index=True)
    facilities, times = labelled["facility_id"].to_numpy(np.int64), labelled["micros"].to_numpy(np.int64)
    columns = {name: labelled[name].to_numpy(np.float64) for name in fields_of(fleet)}

    # A window in which the same was found all along is one whose smallest and largest label are the same.
    label = labelled["label"].to_numpy(np.float64)
    steadiness = replace(spec, channels=("label",), statistics=(Statistic.MIN, Statistic.MAX))
    extremes, counts = trailing(facilities, times, label[:, np.newaxis], steadiness)
    chosen = (extremes[:, 0] == extremes[:, 1]) & (label != _NOTHING_FOUND) & (counts >= spec.least_readings)
    if fleet.idle_at_zero:
        chosen &= columns[fleet.idle_at_zero] != 0

    rows = np.flatnonzero(chosen)
    features, _ = trailing(facilities, times, channel_values(columns, fleet), spec, rows)
    taken = labelled.loc[rows, _PLACE].reset_index(drop=True)
    numbers = {state.value: number for number, state in enumerate(fleet.states)}
    taken["state"] = labelled.loc[rows, "state"].map(numbers).to_numpy(np.int32)
    taken["held_out"] = _held_out(labelled.loc[rows], fleet.model.hold_out)
    return pd.concat((taken, pd.DataFrame(features, columns=list(spec.names))), axis=1)


def _found(readings: pd.DataFrame, inspections: pd.DataFrame) -> pd.DataFrame:
    """`readings` with the `state` and `condition` that were found while they were made, and a `label` for both.

    Of two inspections of the same time the one counts that began later, then the one that became known later.
    """
    known = inspections.drop(columns="bucket").sort_values(["from_micros", "known_micros"], ignore_index=True)
    known["label"] = known.groupby(["state", "condition"], sort=False).ngroup()
    found = pd.merge_asof(
        readings.drop(columns="bucket").sort_values("micros"),
        known,
        left_on="micros",
        right_on="from_micros",
        by="facility_id",
    )
    found["label"] = found["label"].where(found["micros"] < found["to_micros"], _NOTHING_FOUND)
    return found


def _held_out(labelled: pd.DataFrame, hold_out: HoldOut) -> np.ndarray:
    key = {HoldOutBy.CONDITION: "condition", HoldOutBy.FACILITY: "facility_id"}[hold_out.by]
    return labelled[key].to_numpy(np.int64) % hold_out.every == hold_out.remainder
