"""How the figures of a batch app reach those who wait for them, and how it ends when there are none."""

from __future__ import annotations

import logging
import sys
from typing import NoReturn

from pyspark.sql import SparkSession

from soh.errors import TRY_AGAIN, SohError, TransientError
from soh_spark.session import gateway, jvm

log = logging.getLogger(__name__)


def give_up(error: SohError) -> NoReturn:
    """End the app: `error` is the last line of its log, and its exit code says whether another try may help."""
    log.error("%s", error)
    sys.exit(TRY_AGAIN if isinstance(error, TransientError) else 1)


def write_text(spark: SparkSession, uri: str, text: str) -> None:
    """Put `text` at `uri` (any file system that Hadoop knows): whole or not at all, over what was there."""
    java = jvm(spark)
    path = java.org.apache.hadoop.fs.Path(uri)
    unfinished = path.suffix(".unfinished")
    configuration = spark.sparkContext._jsc.hadoopConfiguration()
    stream = path.getFileSystem(configuration).create(unfinished, True)
    stream.write(text.encode())
    stream.close()
    rename = java.org.apache.hadoop.fs.Options.Rename
    options = gateway(spark).new_array(rename, 1)
    options[0] = rename.OVERWRITE
    java.org.apache.hadoop.fs.FileContext.getFileContext(path.toUri(), configuration).rename(unfinished, path, options)
