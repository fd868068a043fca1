"""The batch app that trains a fleet's classifier on the lake and lets it become champion if it passes the gate."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import asdict

from soh.classifier.gate import Overrule
from soh.errors import SohError
from soh.specs import FLEETS
from soh_spark.enrolment import enrolment
from soh_spark.model_store import artefacts, registry
from soh_spark.result import give_up, to_json, write_text
from soh_spark.session import TRAINING, open_session
from soh_spark.training import Models, train

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says and leave the figures; a failure is the last line of the log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleet", required=True, choices=sorted(FLEETS), help="declared fleet")
    parser.add_argument("--overrule", choices=("promote", "keep"), help="what to do whatever the gate says")
    parser.add_argument("--by", metavar="NAME", help="who overrules the gate")
    parser.add_argument("--result", required=True, help="URI of the JSON file for the figures")
    given = parser.parse_args(arguments)
    if (given.overrule is None) != (not given.by):
        parser.error("--overrule needs --by, the name of the person, and --by needs --overrule")
    overrule = Overrule(promote=given.overrule == "promote", by=given.by) if given.overrule else None
    spark = open_session(TRAINING)
    try:
        models = Models(registry=registry(spark), enrolment=enrolment(spark), artefacts=artefacts(spark))
        result = train(spark, FLEETS[given.fleet], models, overrule)
    except SohError as error:
        give_up(error)
    write_text(spark, given.result, to_json(asdict(result)))
    log.info("%s: %s", result.model, result.reason)


if __name__ == "__main__":
    main()
