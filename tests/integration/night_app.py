"""The night of one engine in a process of its own, hindered at one place or not, once or as often as it is asked.

Arguments are `local` or `spark` and either `serve` or a line of words: `run`, `die`, `wait` or `spoil`, a place, a flag
file, a fleet, a day and a file for the figures. A process that serves reads lines of words as JSON lists; others that
it knows are `rows`, a table and a file, and `compact`, a table, a day and a file. The answer is a line: exit code and
reason. Under Spark the environment is that of the Spark apps, else Airflow's. `NIGHT_APP` holds addresses and secrets.
"""

import json
import os
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from soh.errors import TRY_AGAIN, SohError, TransientError
from soh.lake import fold
from soh.lake.figures import to_json
from soh.lake.night import close_day, close_grades
from soh.specs import FLEETS, TABLES

GIVEN = json.loads(os.environ["NIGHT_APP"])


def spark_engine():
    from soh_spark import engine
    from soh_spark.fold import SparkBatch
    from soh_spark.session import FOLDING, open_session

    found = engine.SparkEngine(open_session(FOLDING))

    def spoiled(batch):
        return replace(batch, rows=batch.rows.where("kafka_offset % 10 <> 3"))

    def rows(table):
        places = found.spark.table(table.identifier).select("kafka_partition", "kafka_offset", "facility_id")
        return [list(row) for row in places.collect()]

    return found, engine.NAME, found.landing, SparkBatch, spoiled, rows


def local_engine():
    import polars as pl

    from soh.lake.columns import engine, jvm
    from soh.lake.columns.landed import ColumnsBatch
    from soh.lake.landing import Landing
    from soh.settings import Endpoints, Secrets

    endpoints, secrets = Endpoints(**GIVEN["endpoints"]), Secrets(**GIVEN["secrets"])
    jvm.start(GIVEN["class_path"], GIVEN["java_options"])
    landing = Landing(
        endpoint=endpoints.s3,
        bucket=endpoints.lake_bucket,
        access_key=secrets.s3_access_key,
        secret_key=secrets.s3_secret_key,
    )
    catalog = engine.open_catalog(GIVEN["catalog"], endpoints.hdfs_user)
    found = engine.ColumnsEngine(catalog, landing)

    def spoiled(batch):
        return ColumnsBatch(table=batch.table, rows=batch.rows.filter(pl.col("kafka_offset") % 10 != 3))

    def rows(table):
        held = found.table(table)
        java = held.load()
        read = held.reader(java)
        places = ("kafka_partition", "kafka_offset", "facility_id")
        return [list(row) for file in held.all_files() for row in read(file).select(places).iter_rows()]

    return found, engine.NAME, landing, ColumnsBatch, spoiled, rows


@contextmanager
def hindered(word, place, flag, batch_type, spoiled):
    """The night dies at the place, waits there for its flag to go, or appends too little."""
    owner, name = (batch_type, "append") if place == "append" else (fold, place)
    if place == "write_file":
        owner = sys.modules[batch_type.__module__]
    original = getattr(owner, name)

    def stop(*given):
        if word == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "spoil":
            return original(spoiled(given[0]), *given[1:])
        Path(flag).touch()
        while Path(flag).exists():
            time.sleep(0.1)
        return original(*given)

    setattr(owner, name, stop)
    try:
        yield
    finally:
        setattr(owner, name, original)


def act(opened, words):
    engine, name, landing, batch_type, spoiled, rows = opened
    word, *rest = words
    if word == "rows":
        table, target = rest
        Path(target).write_text("".join(json.dumps(row) + "\n" for row in rows(TABLES[table])))
    elif word == "compact":
        table, day, target = rest
        spec = replace(TABLES["hydraulic_raw"], name=table)
        Path(target).write_text(to_json(close_day(engine, spec, date.fromisoformat(day), name)))
    else:
        place, flag, fleet, day, target = rest

        def run():
            figures = close_grades(engine, FLEETS[fleet], landing, date.fromisoformat(day), name)
            Path(target).write_text(to_json(figures))

        if word == "run":
            run()
        else:
            with hindered(word, place, flag, batch_type, spoiled):
                run()


def answer(opened, words):
    try:
        act(opened, words)
    except SohError as error:
        return [TRY_AGAIN if isinstance(error, TransientError) else 1, str(error)]
    return [0, ""]


opened = {"local": local_engine, "spark": spark_engine}[sys.argv[1]]()
if sys.argv[2] == "serve":
    for line in sys.stdin:
        print("answer", json.dumps(answer(opened, json.loads(line))), flush=True)
    os._exit(0)
code, reason = answer(opened, sys.argv[2:])
print(reason, flush=True)
sys.stderr.flush()
os._exit(code)
