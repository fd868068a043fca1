"""The batch app that appends landed grades to their table, each once, and takes the landed objects away after proof."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from soh.errors import SohError
from soh.specs import FLEETS
from soh_spark.fold import fold
from soh_spark.landed import landing
from soh_spark.result import write_text
from soh_spark.session import FOLDING, open_session

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fold as the command line says and leave the figures; a failure is the last line of the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleet", required=True, choices=sorted(FLEETS), help="fleet whose grades have landed")
    parser.add_argument("--result", required=True, help="URI of the JSON file for the figures")
    given = parser.parse_args(arguments)
    fleet = FLEETS[given.fleet]
    spark = open_session(FOLDING)
    try:
        result = fold(spark, fleet.grades_table, fleet.scores, landing(spark))
    except SohError as error:
        sys.exit(str(error))
    write_text(spark, given.result, result.to_json())
    log.info("%s: %s", result.table, result.verdict)


if __name__ == "__main__":
    main()
