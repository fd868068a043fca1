"""Small files on any file system that Hadoop knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from soh_spark.result import write_text
from soh_spark.session import jvm


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """One file of text."""

    spark: SparkSession
    uri: str

    def read(self) -> str | None:
        """The text; None where there is no file."""
        system, path = _located(self.spark, self.uri)
        try:
            stream = system.open(path)
        except Py4JJavaError as error:
            if error.java_exception.getClass().getSimpleName() == "FileNotFoundException":
                return None
            raise
        try:
            return str(jvm(self.spark).org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
        finally:
            stream.close()

    def write(self, text: str) -> None:
        """Put `text` in place of what was there: whole or not at all."""
        write_text(self.spark, self.uri, text)


def begun_batch(spark: SparkSession, checkpoint: str) -> int | None:
    """The batch that a query with this `checkpoint` planned and did not commit; it will repeat it."""
    planned = _batches(spark, f"{checkpoint}/offsets")
    committed = _batches(spark, f"{checkpoint}/commits")
    last = max(planned, default=None)
    return None if last in committed else last


def is_new(spark: SparkSession, checkpoint: str) -> bool:
    """Tell whether no query has planned a batch with this `checkpoint` yet."""
    return not _batches(spark, f"{checkpoint}/offsets")


def _batches(spark: SparkSession, folder: str) -> set[int]:
    system, path = _located(spark, folder)
    if not system.exists(path):
        return set()
    names = (str(status.getPath().getName()) for status in system.listStatus(path))
    # Beside the batches lie checksums and what a crash left unfinished.
    return {int(name) for name in names if name.isdecimal()}


def _located(spark: SparkSession, uri: str) -> tuple[Any, Any]:
    """The file system of `uri`, and `uri` as its path."""
    path = jvm(spark).org.apache.hadoop.fs.Path(uri)
    return path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()), path
