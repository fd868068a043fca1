"""A Spark side of the bench of throughput: one session in local mode, kept warm, one query a turn.

`noop` reads the topic and throws it away. `to_lake` and `scoring` are the platform's own streams, started by its own
code from its own declarations; only their triggers are shortened, so that a batch follows the one before at once.
A turn's seconds are those of its batches, from the look for new records to the commit in the checkpoint.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from bench.parts.serve import Verbs, open_answers, serve
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming.listener import StreamingQueryProgress
from pyspark.sql.streaming.query import StreamingQuery

from soh.classifier.artefact import encode, sha256
from soh.classifier.features import channel_values, trailing
from soh.classifier.registry import ModelVersion
from soh.fleet.heat import HeatFleet
from soh.specs.fleets import HEAT
from soh.specs.streams import HEAT_SCORING, HEAT_TO_LAKE
from soh_spark import scoring, sinks
from soh_spark.champion import ModelOfStream
from soh_spark.files import TextFile
from soh_spark.learning import Windows, learn
from soh_spark.schema import ensure_table
from soh_spark.session import STREAMING, open_session
from soh_spark.source import read_topic

AT_ONCE = timedelta(0)
KEEP_PROGRESS = {"spark.sql.streaming.numRecentProgressUpdates": "10000"}
MODEL_VERSION = 1
LESSON = timedelta(hours=3)
"""Of fleet time that the model learns from: the size of a model counts here, not how well it grades."""
_STEP = 5
"""Every reading is taught whose number this divides: neighbours are near copies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Addresses that a side works with."""

    kafka: str
    checkpoints: str
    """A folder on HDFS, as a URI; each turn has its own in it."""

    def of_turn(self, turn: int) -> str:
        return f"{self.checkpoints}/{turn}"


@dataclass(kw_only=True)
class Noop:
    """From Kafka to nowhere: the most that Spark can read here."""

    spark: SparkSession
    where: Where
    _found: dict[str, int] = field(default_factory=dict)

    def run(self, turn: int) -> dict[str, float]:
        began = time.perf_counter()
        seen = read_topic(self.spark, HEAT.readings, self.where.kafka).observe(
            "sink", F.count(F.lit(1)).alias("records"), F.sum("offset").alias("offsets")
        )
        writer = seen.writeStream.queryName("noop").format("noop").trigger(availableNow=True)
        query = writer.option("checkpointLocation", self.where.of_turn(turn)).start()
        query.awaitTermination()
        sums = [progress.observedMetrics["sink"].asDict() for progress in _batches(query)]
        self._found = {name: sum(one[name] or 0 for one in sums) for name in ("records", "offsets")}
        return _timed(query, began)

    def check(self, _: int) -> dict[str, int]:
        return self._found

    def verbs(self) -> Verbs:
        return {"run": self.run, "check": self.check}


@dataclass(kw_only=True)
class ToLake:
    """The stream heat_to_lake, into Iceberg on HDFS."""

    spark: SparkSession
    where: Where

    def prepare(self, _: int) -> dict[str, int]:
        self.spark.sql(f"DROP TABLE IF EXISTS {HEAT.table.identifier} PURGE")
        ensure_table(self.spark, HEAT.table)
        return {}

    def run(self, turn: int) -> dict[str, float]:
        began = time.perf_counter()
        stream = replace(HEAT_TO_LAKE, trigger_every=AT_ONCE)
        records = read_topic(self.spark, stream.reads, self.where.kafka)
        return _read_all(sinks.start(stream, records, self.where.kafka, self.where.of_turn(turn)), began)

    def check(self, _: int) -> dict[str, Any]:
        sums = self.spark.table(HEAT.table.identifier).agg(
            F.count(F.lit(1)).alias("records"),
            F.sum("kafka_offset").alias("offsets"),
            F.sum("active_power").alias("active_power"),
        )
        found = sums.first()
        return found.asDict() if found else {}

    def verbs(self) -> Verbs:
        return {"prepare": self.prepare, "run": self.run, "check": self.check}


@dataclass(kw_only=True)
class Scoring:
    """The stream heat_scoring, by a model that was trained for this, back to Kafka."""

    spark: SparkSession
    where: Where
    shelf: Shelf

    def run(self, turn: int) -> dict[str, float]:
        began = time.perf_counter()
        stream = replace(HEAT_SCORING, trigger_every=AT_ONCE)
        folder = self.where.of_turn(turn)
        note = TextFile(spark=self.spark, uri=f"{folder}/model.json")
        model = ModelOfStream(stream.name, stream.fleet, self.shelf, self.shelf, note, begun=None)
        records = read_topic(self.spark, stream.reads, self.where.kafka)
        return _read_all(scoring.start(stream, records, model, self.where.kafka, folder), began)

    def verbs(self) -> Verbs:
        return {"run": self.run}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """One champion and its artefact, in memory: looking it up is no part of what is measured."""

    artefact: bytes

    def champion(self, model_name: str) -> ModelVersion:
        now = datetime.now(UTC)
        return ModelVersion(
            model=model_name,
            version=MODEL_VERSION,
            uri="memory",
            sha256=sha256(self.artefact),
            size=len(self.artefact),
            macro_f1=0.0,
            promoted_at=now,
            reason="made for this bench",
            created_at=now,
        )

    def get(self, uri: str, sha256: str) -> bytes:  # noqa: ARG002 there is only one
        return self.artefact


def trained() -> bytes:
    """An artefact as the platform trains it, taught on hours of a virtual fleet and on its true states."""
    fleet = HeatFleet(range(HEAT.first_facility, HEAT.first_facility + HEAT.facilities))
    period = HEAT.period.total_seconds()
    count = int(LESSON / HEAT.period)
    begin = time.time() - count * period
    fleet.resume(now=begin, readings={}, inspections={}, same_settings=False)
    which = np.repeat(np.arange(HEAT.facilities), count)
    at = begin + np.tile(np.arange(count), HEAT.facilities) * period
    columns, truth = fleet.step(which, at)
    ids = which + HEAT.first_facility
    rows = np.flatnonzero((np.arange(len(which)) % _STEP == 0) & (columns["active_power"] > 0))
    features, _ = trailing(
        ids, np.rint(at * 1e6).astype(np.int64), channel_values(columns, HEAT), HEAT.model.features, rows
    )
    nothing_held_out = np.zeros(len(rows), np.bool_)
    windows = Windows(features=features, states=truth.state[rows], held_out=nothing_held_out, of=len(rows))
    return encode(HEAT.model, learn(windows, HEAT.model), datetime.now(UTC))


def _read_all(query: StreamingQuery, began: float) -> dict[str, float]:
    try:
        query.processAllAvailable()
        return _timed(query, began)
    finally:
        query.stop()


def _batches(query: StreamingQuery) -> list[StreamingQueryProgress]:
    return [progress for progress in query.recentProgress if progress.numInputRows]


def _timed(query: StreamingQuery, began: float) -> dict[str, float]:
    batches = _batches(query)
    seconds = sum(progress.durationMs["triggerExecution"] for progress in batches) / 1000
    return {"seconds": seconds, "start_seconds": time.perf_counter() - began - seconds, "batches": len(batches)}


SETTINGS: Mapping[str, Mapping[str, str]] = {"noop": STREAMING, "to_lake": STREAMING, "scoring": scoring.SETTINGS}


def main() -> None:
    """Serve until the parent is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=SETTINGS)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--checkpoints", required=True)
    given = parser.parse_args()
    answers = open_answers()
    spark = open_session({**SETTINGS[given.side], **KEEP_PROGRESS})
    where = Where(kafka=given.kafka, checkpoints=given.checkpoints)
    match given.side:
        case "noop":
            serve(Noop(spark=spark, where=where).verbs(), answers)
        case "to_lake":
            serve(ToLake(spark=spark, where=where).verbs(), answers)
        case "scoring":
            serve(Scoring(spark=spark, where=where, shelf=Shelf(artefact=trained())).verbs(), answers)
    spark.stop()


if __name__ == "__main__":
    main()
