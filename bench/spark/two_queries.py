"""The first design's speed layer, to compare with: two chained queries with a trigger of 5 seconds each.

The first reads the fleet's topic, computes the power factor, grades by the rule and writes to a topic; the
second reads that topic and writes each batch to the time-series database from the driver.
"""

from __future__ import annotations

import argparse

import requests
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from soh.specs import FLEETS
from soh.specs.fleets import FleetSpec
from soh.specs.models import State
from soh.specs.tsdb import MEASUREMENT
from soh_spark.decode import decode
from soh_spark.session import STREAMING, open_session

TRIGGER = "5 seconds"
GRADE = "facility_id long, event_time double, pf double, pred string, source_partition long, source_offset long"


def read(spark: SparkSession, kafka: str, topic: str) -> DataFrame:
    """Stream what comes to `topic` from now on."""
    options = {"kafka.bootstrap.servers": kafka, "subscribe": topic, "startingOffsets": "latest"}
    return spark.readStream.format("kafka").options(includeHeaders="true", **options).load()


def grades(records: DataFrame, fleet: FleetSpec) -> DataFrame:
    """Key and value of a graded record for each readable one."""
    factor, rule = fleet.power_factors[0], fleet.rule
    active, reactive = F.col(factor.active), F.col(factor.reactive)
    pf = F.when(active == 0, 0.0).otherwise(active / F.sqrt(active * active + reactive * reactive))
    pred = (
        F.when(active == 0, State.IDLE.value)
        .when(F.col("pf") <= rule.warning_up_to, State.WARNING.value)
        .when(F.col("pf") < rule.caution_below, State.CAUTION.value)
        .otherwise(State.NORMAL.value)
    )
    graded = decode(records, fleet.readings.schema, fleet.table.time_zone).where("reason IS NULL")
    value = F.struct(
        "facility_id",
        (F.unix_micros("event_time") / 1e6).alias("event_time"),
        "pf",
        pred.alias("pred"),
        F.col("kafka_partition").alias("source_partition"),
        F.col("kafka_offset").alias("source_offset"),
    )
    return graded.withColumn("pf", pf).select(
        F.col("facility_id").cast("string").alias("key"), F.to_json(value).alias("value")
    )


def main() -> None:
    """Run both queries until the app is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("kafka", "topic", "checkpoints", "tsdb", "database"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    spark = open_session(STREAMING)
    fleet = FLEETS["heat"]
    login = (spark.conf.get("spark.soh.bench.user"), spark.conf.get("spark.soh.bench.password"))
    session = requests.Session()

    def write(batch: DataFrame, _: int) -> None:
        lines = [
            f"{MEASUREMENT},fleet={fleet.name},sensor_id={row.facility_id} pf={row.pf!r},"
            f'pred="{row.pred}",source_partition={row.source_partition}i,source_offset={row.source_offset}i '
            f"{round(row.event_time * 1e6)}"
            for row in batch.collect()
        ]
        if lines:
            address = f"{given.tsdb}/write"
            where = {"db": given.database, "precision": "u"}
            session.post(
                address, params=where, auth=login, data="\n".join(lines).encode(), timeout=30
            ).raise_for_status()

    first = grades(read(spark, given.kafka, fleet.readings.name), fleet).writeStream.format("kafka")
    first.options(**{"kafka.bootstrap.servers": given.kafka, "topic": given.topic}).option(
        "checkpointLocation", f"{given.checkpoints}/first"
    ).trigger(processingTime=TRIGGER).start()
    graded = read(spark, given.kafka, given.topic).select(
        F.from_json(F.col("value").cast("string"), GRADE).alias("grade")
    )
    graded.select("grade.*").writeStream.foreachBatch(write).option(
        "checkpointLocation", f"{given.checkpoints}/second"
    ).trigger(processingTime=TRIGGER).start()
    spark.streams.awaitAnyTermination()


if __name__ == "__main__":
    main()
