"""Landed objects as a table of Kafka records, read on the executors through the store's own protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from soh import errors
from soh.errors import ServerUnreachable, SohError
from soh.lake.folding import Positions
from soh.lake.landing import Landing
from soh.specs.landing import LandedObject
from soh_spark.schema import LAKE_BUCKET

_COLUMNS = "partition int, offset bigint, timestamp timestamp, value binary"
_ARROW = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("value", pa.binary()),
    ]
)
_OBJECTS_A_TASK = 200

_OURS = re.compile(r"^soh\.errors\.(\w+): (.+)$", re.MULTILINE)
_OF_THE_STORE = ("software.amazon.awssdk", "org.apache.iceberg.aws")


def landing(spark: SparkSession) -> Landing:
    """The landing by the addresses and keys in the app's Spark settings; asked nothing yet."""
    return Landing(
        endpoint=str(spark.conf.get("spark.soh.s3.endpoint")),
        bucket=str(spark.conf.get(LAKE_BUCKET)),
        access_key=str(spark.conf.get("spark.soh.s3.access.key")),
        secret_key=str(spark.conf.get("spark.soh.s3.secret.key")),
    )


def records(
    spark: SparkSession, landing: Landing, objects: Sequence[LandedObject], start: Positions, end: Positions | None
) -> DataFrame:
    """Records of `objects` from `start` on, up to `end` where it is given, one row for each partition and offset.

    The columns are those of Spark's Kafka source that `soh_spark.decode` asks for, and `copies`: how many there were.
    """

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for key in batch.column("key").to_pylist():
                found = [
                    record
                    for record in landing.records(LandedObject.parse(key))
                    if record.offset >= start[record.partition]
                    and (end is None or record.offset < end.get(record.partition, 0))
                ]
                yield pa.RecordBatch.from_arrays(
                    [
                        pa.array([record.partition for record in found], pa.int32()),
                        pa.array([record.offset for record in found], pa.int64()),
                        pa.array([record.timestamp * 1000 for record in found], pa.int64()).cast(_ARROW.types[2]),
                        pa.array([record.value for record in found], pa.binary()),
                    ],
                    schema=_ARROW,
                )

    keys = spark.createDataFrame([(landed.key,) for landed in objects], "key string")
    rows = keys.repartition(-(-max(len(objects), 1) // _OBJECTS_A_TASK)).mapInArrow(read, _COLUMNS)
    # The least, so that it is the same row whenever it is asked for, should two of one offset ever differ.
    least = [F.min(name).alias(name) for name in ("timestamp", "value")]
    return rows.groupBy("partition", "offset").agg(*least, F.count("*").alias("copies"))


@contextmanager
def naming_the_store(landing: Landing, table: str) -> Iterator[None]:
    """Turn what Spark makes of an error on an executor, or of a store that is away, into an error of ours."""
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        trace = f"{error}\n{getattr(error, '_stackTrace', None) or ''}"
        if found := _OURS.search(trace):
            kind = getattr(errors, found[1], None)
            if isinstance(kind, type) and issubclass(kind, SohError):
                raise kind(found[2]) from error
        if any(name in trace for name in _OF_THE_STORE):
            raise ServerUnreachable(
                f"the object store at {landing.endpoint} did not take or give files of {table}; nothing that has "
                f"landed is lost, and the next fold goes on from what is committed"
            ) from error
        raise
