"""How Spark evaluates expressions during a test."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyspark.sql import SparkSession


@contextmanager
def evaluated(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """With `settings` of the session, and with those of before again afterwards."""
    before = {name: spark.conf.get(name) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)
