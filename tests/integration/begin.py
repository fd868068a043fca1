"""Prints where grading of a fleet begins for `test_history`; runs in the environment of the Spark apps.

Takes the name of a fleet, the brokers and the folder of Spark's jars.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.sql import SparkSession

from soh.specs import FLEETS
from soh_spark.beginning import wait_for_history

fleet, kafka, jars = sys.argv[1:]
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.jars", ",".join(str(jar) for jar in sorted(Path(jars).glob("*.jar"))))
    .config("spark.ui.enabled", "false")
    .getOrCreate()
)
print("begins at", wait_for_history(spark, kafka, FLEETS[fleet]))
spark.stop()
