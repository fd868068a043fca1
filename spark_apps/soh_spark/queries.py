"""Queries that live and die together: the end of one is the end of its app."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence

from pyspark.errors import StreamingQueryException
from pyspark.errors.exceptions.captured import CapturedException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from soh.errors import QueryDied

log = logging.getLogger(__name__)


class _Stop:
    """Whether YARN, or a person, has asked this process to end."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, *_: object) -> None:
        self.asked = True


def supervise(spark: SparkSession, queries: Sequence[StreamingQuery]) -> None:
    """Return after SIGTERM, with all of `queries` stopped; raises QueryDied when one ends by itself.

    A batch that is under way is cut off: it has no commit, so the next start of the app repeats it.
    """
    stop = _Stop()
    # The default would end Python in the middle of a call to Java.
    before = signal.signal(signal.SIGTERM, stop)
    try:
        ended = _wait(spark, queries, stop)
        for query in queries:
            query.stop()
    finally:
        signal.signal(signal.SIGTERM, before)
    if ended is not None:
        raise QueryDied(f"query {ended.name} died: {_first_sentence(ended.exception())}")
    log.info("stopped on request: %s", ", ".join(str(query.name) for query in queries))


def _wait(spark: SparkSession, queries: Sequence[StreamingQuery], stop: _Stop) -> StreamingQuery | None:
    # What ended earlier in this session would make every wait return at once.
    spark.streams.resetTerminated()
    while not stop.asked:
        try:
            spark.streams.awaitAnyTermination(timeout=2)
        except StreamingQueryException as error:
            log.debug("%s", error)
        for query in queries:
            if not query.isActive:
                return query
    return None


def _first_sentence(error: Exception | None) -> str:
    """The first line of the deepest cause, which says what went wrong without Spark's wrapping."""
    if error is None:
        return "it was stopped without an exception"
    while isinstance(error, CapturedException) and error._cause is not None:
        error = error._cause
    text = error._desc if isinstance(error, CapturedException) else str(error)
    return (text or type(error).__name__).strip().splitlines()[0]
