"""The batch app that brings landed grades into their table, each once, packs the day there and refreshes its views."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from soh.errors import SohError
from soh.specs import FLEETS
from soh_spark.day import close_day
from soh_spark.fold import fold
from soh_spark.landed import landing
from soh_spark.result import give_up, to_json, write_text
from soh_spark.session import FOLDING, open_session

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fold as the command line says and leave the figures; a failure is the last line of the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleet", required=True, choices=sorted(FLEETS), help="fleet whose grades have landed")
    parser.add_argument("--day", required=True, type=date.fromisoformat, help="local day to pack, YYYY-MM-DD")
    parser.add_argument("--result", required=True, help="URI of the JSON file for the figures")
    given = parser.parse_args(arguments)
    fleet = FLEETS[given.fleet]
    table = fleet.grades_table
    spark = open_session(FOLDING)
    try:
        folded = fold(spark, table, fleet.scores, landing(spark))
        log.info("%s: %s", folded.table, folded.verdict)
        # A grade may land nights after its day; a day that has not ended is left to its own night.
        late = [day for day in folded.days if day < given.day]
        packed, views = close_day(spark, table, given.day, viewed_too=late)
    except SohError as error:
        give_up(error)
    write_text(spark, given.result, to_json({**asdict(folded), "compaction": packed, "views": views}))


if __name__ == "__main__":
    main()
