"""The batch app that packs the small files of one day, proves that nothing changed, and refreshes the day's views."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from soh.errors import SohError
from soh.specs import TABLES
from soh.specs.views import views_of
from soh_spark.lake_table import LakeTable
from soh_spark.result import give_up, to_json, write_text
from soh_spark.rewrite import compact
from soh_spark.session import COMPACTION, open_session
from soh_spark.views import refresh

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compact as the command line says and leave the figures; a failure is the last line of the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, choices=sorted(TABLES), help="declared table")
    parser.add_argument("--day", required=True, type=date.fromisoformat, help="local day, YYYY-MM-DD")
    parser.add_argument("--result", required=True, help="URI of the JSON file for the figures")
    given = parser.parse_args(arguments)
    spark = open_session(COMPACTION)
    try:
        table = TABLES[given.table]
        result = compact(spark, table, given.day)
        log.info("%s on %s: %s", result.table, result.day, result.verdict)
        lake = LakeTable(spark=spark, spec=table)
        views = refresh(lake, views_of(table), [given.day], result.started_at)
    except SohError as error:
        give_up(error)
    write_text(spark, given.result, to_json({**asdict(result), "views": views}))


if __name__ == "__main__":
    main()
