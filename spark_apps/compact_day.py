"""The batch app that packs the small files of one day and proves that no reading changed."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import date

from soh.errors import SohError
from soh.specs import TABLES
from soh_spark.result import write_text
from soh_spark.rewrite import compact
from soh_spark.session import COMPACTION, open_session

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
        result = compact(spark, TABLES[given.table], given.day)
    except SohError as error:
        sys.exit(str(error))
    write_text(spark, given.result, result.to_json())
    log.info("%s on %s: %s", result.table, result.day, result.verdict)


if __name__ == "__main__":
    main()
