"""Dump Kafka partition, offset and facility of every row of a table, one JSON list a line (runs under Spark)."""

import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession

name, target = sys.argv[1], Path(sys.argv[2])
rows = SparkSession.builder.getOrCreate().table(name).select("kafka_partition", "kafka_offset", "facility_id")
target.write_text("".join(json.dumps(list(row)) + "\n" for row in rows.collect()))
