"""The batch app that trains classifiers of fleets on the lake; one that passes the gate becomes champion."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import asdict

from pyspark.sql import SparkSession

from soh.classifier.gate import Overrule
from soh.classifier.outcome import Outcome
from soh.errors import SohError, TransientError
from soh.lake.figures import to_json
from soh.specs import FLEETS, FleetSpec
from soh_spark.enrolment import enrolment
from soh_spark.model_store import artefacts, registry
from soh_spark.result import write_text
from soh_spark.session import TRAINING, open_session
from soh_spark.training import Models, train

log = logging.getLogger(__name__)

LONGEST_ERROR = 600
"""Characters of a sentence; an exception of Java's brings its whole stack, which is in the log."""


def outcome(spark: SparkSession, fleet: FleetSpec, overrule: Overrule | None) -> Outcome:
    """Train one fleet's classifier; whatever that fails by is told and stops no other fleet."""
    app_id = spark.sparkContext.applicationId
    try:
        models = Models(registry=registry(spark), enrolment=enrolment(spark), artefacts=artefacts(spark))
        result = train(spark, fleet, models, overrule)
    except SohError as error:
        log.error("%s: %s", fleet.name, error)
        return Outcome(app_id=app_id, error=str(error), try_again=isinstance(error, TransientError))
    except Exception as error:
        log.exception("%s: training broke off", fleet.name)
        said = " ".join(str(error).split())[:LONGEST_ERROR]
        return Outcome(app_id=app_id, error=f"{type(error).__name__}: {said}")
    log.info("%s: %s", result.model, result.reason)
    return Outcome(app_id=app_id, figures=asdict(result))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says and leave what came of each fleet as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleets", required=True, nargs="+", choices=sorted(FLEETS), help="declared fleets, in turn")
    parser.add_argument("--overrule", choices=("promote", "keep"), help="what to do whatever the gate says")
    parser.add_argument("--by", metavar="NAME", help="who overrules the gate")
    parser.add_argument("--results", required=True, help="URI of the folder for a JSON file per fleet")
    given = parser.parse_args(arguments)
    if (given.overrule is None) != (not given.by):
        parser.error("--overrule needs --by, the name of the person, and --by needs --overrule")
    overrule = Overrule(promote=given.overrule == "promote", by=given.by) if given.overrule else None
    spark = open_session(TRAINING)
    for name in given.fleets:
        found = outcome(spark, FLEETS[name], overrule)
        write_text(spark, f"{given.results}/{name}.json", to_json(asdict(found)))


if __name__ == "__main__":
    main()
