"""The fold app in a process of its own, hindered at one place or not, once or as often as it is asked (under Spark).

Arguments are a word, a place in `soh_spark.fold`, a flag file and those of the app. With the word `serve` each line of
standard input is a JSON list of them, or of `rows`, a table and a file; the answer is a line: exit code and reason.
"""

import json
import os
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pyspark.sql import SparkSession

import fold_landing
from soh_spark import fold, result


@contextmanager
def hindered(word, place, flag):
    """The app dies at the place, waits there for its flag to go, or appends too little."""
    original = getattr(fold, place)

    def stop(*given):
        if word == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "spoil":
            lake, batch, start = given
            return original(lake, replace(batch, rows=batch.rows.where("kafka_offset % 10 <> 3")), start)
        Path(flag).touch()
        while Path(flag).exists():
            time.sleep(0.1)
        return original(*given)

    setattr(fold, place, stop)
    try:
        yield
    finally:
        setattr(fold, place, original)


def run(word, place, flag, *arguments):
    if word == "run":
        fold_landing.main(arguments)
    else:
        with hindered(word, place, flag):
            fold_landing.main(arguments)


def rows(table, target):
    """Kafka partition, offset and facility of every row of a table, one JSON list a line."""
    found = SparkSession.active().table(table).select("kafka_partition", "kafka_offset", "facility_id").collect()
    Path(target).write_text("".join(json.dumps(list(row)) + "\n" for row in found))


def serve():
    reasons = []
    result.log.error = lambda pattern, *values: reasons.append(pattern % values)
    for line in sys.stdin:
        word, *rest = json.loads(line)
        try:
            rows(*rest) if word == "rows" else run(word, *rest)
        except SystemExit as ended:
            answer = [ended.code, reasons[-1]]
        else:
            answer = [0, ""]
        print("answer", json.dumps(answer), flush=True)


if sys.argv[1] == "serve":
    serve()
else:
    run(*sys.argv[1:])
