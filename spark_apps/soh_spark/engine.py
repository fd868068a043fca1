"""Spark as the engine of a night: for days that are too large for one process."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import SparkSession

from soh.lake.folding import Positions
from soh.lake.landing import Landing
from soh.specs import TableSpec, ViewSpec
from soh.specs.landing import LandedObject
from soh_spark.fold import SparkBatch, read_landed
from soh_spark.lake_table import LakeTable
from soh_spark.landed import landing
from soh_spark.schema import ensure_table
from soh_spark.views import SparkSummary, summarise

NAME = "spark"


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """A `soh.lake.engine.Engine` on the session of an app."""

    spark: SparkSession

    @property
    def landing(self) -> Landing:
        """The landing by the addresses and keys in the app's settings; asked nothing yet."""
        return landing(self.spark)

    def table(self, spec: TableSpec | ViewSpec) -> LakeTable:
        return LakeTable(spark=self.spark, spec=spec)

    def ensure(self, spec: TableSpec | ViewSpec) -> None:
        ensure_table(self.spark, spec)

    def read_landed(
        self, spec: TableSpec, objects: Sequence[LandedObject], start: Positions, end: Positions | None
    ) -> SparkBatch:
        return read_landed(self.table(spec), spec, self.landing, objects, start, end)

    def summarise(self, view: ViewSpec, snapshot: int, days: Collection[date]) -> SparkSummary:
        return summarise(self.spark, view, snapshot, days)
