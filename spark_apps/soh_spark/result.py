"""The figures of a batch app, and how they reach those who wait for them."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, NoReturn

from pyspark.sql import SparkSession

from soh.errors import TRY_AGAIN, SohError, TransientError
from soh_spark.session import gateway, jvm

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Figures of one compaction of one day of a table.

    Files and bytes are those that this run replaced (before) and wrote (after), where it compacted, and all of
    the day's otherwise. `facilities`, `duplicates` and `hash` are None where nothing was to be done, because
    then the readings were not read.
    """

    table: str
    day: date
    compacted: bool
    rows: int
    facilities: int | None
    duplicates: int | None
    """Rows beyond the first of each Kafka record."""
    hash: str | None
    """Sum of the hashes of all rows of the day."""
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    snapshots_expired: int
    seconds: dict[str, float]
    """By step."""
    started_at: datetime
    verdict: str


class Steps:
    """Seconds by step, and a line in the log at the end of each."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        log.info("%s ...", name)
        began = time.monotonic()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - began, 2)
        log.info("%s: %s s", name, self.seconds[name])


def to_json(figures: Mapping[str, Any]) -> str:
    """Text of an app's figures: values may be dates, and records of figures."""
    return json.dumps(figures, default=_plain, indent=2) + "\n"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else asdict(value)


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
