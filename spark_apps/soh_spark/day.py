"""What every night does to a day of a table, wherever its files are: pack it, then bring its views up to date."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import date

from pyspark.sql import SparkSession

from soh.specs import TableSpec
from soh.specs.views import views_of
from soh_spark.lake_table import LakeTable
from soh_spark.result import Result
from soh_spark.rewrite import compact
from soh_spark.views import Refreshed, refresh

log = logging.getLogger(__name__)


def close_day(
    spark: SparkSession, table: TableSpec, day: date, *, viewed_too: Collection[date] = ()
) -> tuple[Result, list[Refreshed]]:
    """Pack `day` of `table` and refresh the views of it, and of the days `viewed_too`.

    Raises what `compact` and `refresh` raise; safe to repeat like both.
    """
    packed = compact(spark, table, day)
    log.info("%s on %s: %s", packed.table, packed.day, packed.verdict)
    lake = LakeTable(spark=spark, spec=table)
    return packed, refresh(lake, views_of(table), {day, *viewed_too}, packed.started_at)
