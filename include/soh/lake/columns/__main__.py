"""The night of one table in this process: `python -m soh.lake.columns`.

Standard input is one line of JSON, the job (`Job`), and stays open as long as whoever started this lives. Standard
output is one line of JSON: `{"figures": ...}`, `{"too_large": reason}` or `{"error": reason}`; with an error the exit
code says whether another try may help. The log goes to standard error.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from datetime import date
from typing import Any

from soh.errors import TRY_AGAIN, SohError, TransientError
from soh.lake.columns.job import Job
from soh.lake.figures import to_json
from soh.lake.landing import Landing
from soh.settings import Endpoints, Secrets
from soh.specs import FLEETS, TABLES, TableSpec
from soh.specs.apps import LOCAL_LIMITS


def main() -> None:
    """Do the job of standard input."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    job = Job(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        told = _do(job)
    except SohError as error:
        _tell({"error": str(error)})
        _end(TRY_AGAIN if isinstance(error, TransientError) else 1)
    _tell(told)
    _end(0)


def _do(job: Job) -> dict[str, Any]:
    # Java and columns take a second to load, which a job that is no job need not wait for.
    from soh.lake.columns import jvm
    from soh.lake.columns.engine import NAME, open_engine
    from soh.lake.night import close_day, close_grades

    endpoints, secrets, day = Endpoints(**job.endpoints), Secrets(**job.secrets), date.fromisoformat(job.day)
    jvm.start(job.class_path, job.java_options)
    engine = open_engine(endpoints, secrets)
    if job.fleet:
        fleet = FLEETS[job.fleet]
        landed = 0 if job.any_size else _landed(engine.landing, fleet.scores.name)
        if large := _too_large(job, engine, fleet.grades_table, day, landed):
            return {"too_large": large}
        return {"figures": close_grades(engine, fleet, engine.landing, day, NAME)}
    spec = TABLES[str(job.table)]
    if large := _too_large(job, engine, spec, day, 0):
        return {"too_large": large}
    return {"figures": close_day(engine, spec, day, NAME)}


def _too_large(job: Job, engine: Any, spec: TableSpec, day: date, landed: int) -> str | None:
    """Why the job is not for one process; None where it is."""
    if job.any_size:
        return None
    table = engine.table(spec)
    files = table.files(day) if table.exists() else []
    return LOCAL_LIMITS.exceeded_by(sum(file.rows for file in files) + landed, sum(file.size for file in files))


def _landed(landing: Landing, topic: str) -> int:
    """Records in objects that have landed, those of objects that overlap counted twice."""
    objects, _ = landing.objects(topic)
    return sum(found.last - found.first + 1 for found in objects)


def _end_with_parent() -> None:
    """Whoever started this is gone when its end of the pipe is closed: nobody waits for the figures any more."""
    sys.stdin.read()
    _end(TRY_AGAIN)


def _tell(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(json.loads(to_json(told))) + "\n")
    sys.stdout.flush()


def _end(code: int) -> None:
    # Without waiting for Java's threads, some of which wait for servers.
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
