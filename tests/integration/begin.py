"""Prints where grading of a fleet begins for `test_history`; runs in the environment of the Spark apps.

Takes the name of a fleet and the brokers.
"""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession

from soh.specs import FLEETS
from soh_spark.beginning import wait_for_history

fleet, kafka = sys.argv[1:]
spark = SparkSession.builder.master("local[1]").getOrCreate()
print("begins at", wait_for_history(spark, kafka, FLEETS[fleet]))
spark.stop()
