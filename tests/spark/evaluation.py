"""How Spark evaluates expressions during a test."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyspark.sql import SparkSession


@contextmanager
def evaluated(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """With `settings` of the session, and without them again afterwards."""
    for name, value in settings.items():
        spark.conf.set(name, value)
    yield
    for name in settings:
        spark.conf.unset(name)
