"""Dump facility, seq, Kafka partition and offset of every row of some tables, one JSON list a line (under Spark)."""

import json
import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

folder, tables = Path(sys.argv[1]), sys.argv[2:]
builder = SparkSession.builder.master("local[1]").config("spark.jars", os.environ["READ_LAKE_JARS"])
builder = builder.config("spark.ui.enabled", "false").config("spark.driver.memory", "1g")
for name, value in json.loads(os.environ["READ_LAKE_CONF"]).items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
for table in tables:
    rows = spark.table(f"lake.soh.{table}").select("facility_id", "seq", "kafka_partition", "kafka_offset")
    with (folder / f"{table}.rows").open("w") as file:
        for row in rows.toLocalIterator():
            file.write(json.dumps(list(row)) + "\n")
