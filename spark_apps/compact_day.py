"""The batch app that packs the small files of one day, proves that nothing changed, and refreshes the day's views."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date

from soh.errors import SohError
from soh.lake.figures import to_json
from soh.lake.night import close_day
from soh.specs import TABLES
from soh_spark.engine import NAME, SparkEngine
from soh_spark.result import give_up, write_text
from soh_spark.session import COMPACTION, open_session


def main(arguments: Sequence[str] | None = None) -> None:
    """Compact as the command line says and leave the figures; a failure is the last line of the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, choices=sorted(TABLES), help="declared table")
    parser.add_argument("--day", required=True, type=date.fromisoformat, help="local day, YYYY-MM-DD")
    parser.add_argument("--result", required=True, help="URI of the JSON file for the figures")
    given = parser.parse_args(arguments)
    spark = open_session(COMPACTION)
    try:
        figures = close_day(SparkEngine(spark), TABLES[given.table], given.day, NAME)
    except SohError as error:
        give_up(error)
    write_text(spark, given.result, to_json(figures))


if __name__ == "__main__":
    main()
