"""Registers and promotes versions through MLflow for `test_models`; runs in the environment of the Spark apps.

Takes JSON objects on its standard input, one a line, and prints the numbers of the versions that each registered.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from sqlalchemy import URL

from soh.specs import MODELS
from soh_spark.enrolment import Enrolment

for line in sys.stdin:
    given = json.loads(line)
    enrolment = Enrolment(URL.create("postgresql+psycopg2", **given["database"]), given["artefacts"])
    spec = MODELS[given["model"]]
    versions = [
        enrolment.register(
            spec,
            uri,
            datetime(2026, 5, 1, tzinfo=UTC),
            parameters={"rounds": 100},
            metrics={"macro_f1": tags["macro_f1"]},
            tags=tags,
        )
        for uri, tags in given["register"]
    ]
    if given["promote"]:
        enrolment.promote(spec, given["promote"])
    print("versions", json.dumps(versions), flush=True)
