"""Python workers forked from our daemon begin and end a task without rounds through zips and garbage."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests import quick_spark

APP = """
import json
from pyspark.sql import SparkSession

spark = (
    SparkSession.builder.master("local[1]").config("spark.python.daemon.module", "soh_spark.worker_daemon")
    .getOrCreate()
)

def look(_):
    import gc, sys, zipimport
    libraries = [name for name in ("lightgbm", "sklearn") if name in sys.modules]
    yield zipimport.zipimporter.invalidate_caches.__module__, gc.get_freeze_count(), libraries

print(json.dumps(spark.sparkContext.parallelize([0], 1).mapPartitions(look).collect()[0]))
"""


def test_a_worker_has_the_libraries_and_rereads_no_zip():
    environment = {
        **os.environ,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": quick_spark.submit_arguments(),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run([sys.executable, "-c", APP], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    module, frozen, libraries = json.loads(done.stdout.splitlines()[-1])
    # The daemon runs as a script, so that is where its function comes from.
    assert module == "__main__"
    assert frozen > 10_000
    # LightGBM imports scikit-learn where it finds it, which takes more time and memory than all the rest.
    assert libraries == ["lightgbm"]
