"""The batch app that brings landed grades into their table, each once, packs the day there and refreshes its views."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date

from soh.errors import SohError
from soh.lake.figures import to_json
from soh.lake.night import close_grades
from soh.specs import FLEETS
from soh_spark.engine import NAME, SparkEngine
from soh_spark.result import give_up, write_text
from soh_spark.session import FOLDING, open_session


def main(arguments: Sequence[str] | None = None) -> None:
    """Fold as the command line says and leave the figures; a failure is the last line of the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleet", required=True, choices=sorted(FLEETS), help="fleet whose grades have landed")
    parser.add_argument("--day", required=True, type=date.fromisoformat, help="local day to pack, YYYY-MM-DD")
    parser.add_argument("--result", required=True, help="URI of the JSON file for the figures")
    given = parser.parse_args(arguments)
    spark = open_session(FOLDING)
    engine = SparkEngine(spark)
    try:
        figures = close_grades(engine, FLEETS[given.fleet], engine.landing, given.day, NAME)
    except SohError as error:
        give_up(error)
    write_text(spark, given.result, to_json(figures))


if __name__ == "__main__":
    main()
