import os
import signal
import threading

import pytest
from pyspark.sql.functions import col, lit, raise_error, when

from soh.errors import QueryDied
from soh_spark.queries import supervise


def query(spark, name, *, dies_at=None):
    """A query that counts; at `dies_at` it meets a row that raises."""
    rows = spark.readStream.format("rate").option("rowsPerSecond", 20).load()
    if dies_at is not None:
        rows = rows.where(when(col("value") == dies_at, raise_error(lit("the sink is full"))).isNull())
    return rows.writeStream.queryName(name).format("noop").trigger(processingTime="200 milliseconds").start()


def test_the_death_of_one_query_ends_all_and_is_named_with_its_cause(spark):
    healthy, dying = query(spark, "healthy"), query(spark, "dying", dies_at=5)
    with pytest.raises(QueryDied, match=r"query dying died: .*the sink is full"):
        supervise(spark, [healthy, dying])
    assert not healthy.isActive


def test_a_query_that_died_before_the_watch_began_is_found(spark):
    dying = query(spark, "dying_early", dies_at=0)
    while dying.isActive:
        threading.Event().wait(0.1)
    with pytest.raises(QueryDied, match="dying_early"):
        supervise(spark, [dying])


def test_a_query_that_somebody_stopped_is_a_death_too(spark):
    stopped = query(spark, "stopped")
    threading.Timer(0.5, stopped.stop).start()
    with pytest.raises(QueryDied, match=r"query stopped died: it was stopped without an exception"):
        supervise(spark, [stopped])


def test_sigterm_stops_every_query_and_is_no_failure(spark):
    first, second = query(spark, "first"), query(spark, "second")
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    timer.start()
    supervise(spark, [first, second])
    assert not first.isActive
    assert not second.isActive
    assert signal.getsignal(signal.SIGTERM) == before
