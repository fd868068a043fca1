"""Dump facility, seq, Kafka partition and offset of every row of a table, one JSON list a line (runs under Spark)."""

import json
import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

table, target = sys.argv[1], Path(sys.argv[2])
builder = SparkSession.builder.master("local[1]").config("spark.jars", os.environ["READ_LAKE_JARS"])
builder = builder.config("spark.ui.enabled", "false").config("spark.driver.memory", "1g")
for name, value in json.loads(os.environ["READ_LAKE_CONF"]).items():
    builder = builder.config(name, value)
rows = builder.getOrCreate().table(f"lake.soh.{table}").select("facility_id", "seq", "kafka_partition", "kafka_offset")
with target.open("w") as file:
    for row in rows.toLocalIterator():
        file.write(json.dumps(list(row)) + "\n")
