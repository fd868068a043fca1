from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.errors import PySparkException
from tests.fakes.messages import NOW, text
from tests.spark.kafka_records import records
from tests.spark.lake_tables import append, created, offsets, replace_day

from soh.errors import RewriteConflict
from soh.lake.packing import expire_snapshots
from soh.specs.streams import HYDRAULIC_TO_LAKE
from soh.specs.topics import HYDRAULIC
from soh_spark.conflicts import ATTEMPTS, retry_conflicts
from soh_spark.lake_table import LakeTable
from soh_spark.sinks import start

KEPT = 2
IN_A_WEEK = datetime.now(UTC) + timedelta(days=7)


@pytest.fixture
def lake(spark):
    """An empty table."""
    with created(spark, "housekeeping_test") as table:
        yield LakeTable(spark=spark, spec=table)


def test_many_manifests_become_few_and_no_reading_changes(spark, lake):
    for offset in range(0, 40, 10):
        append(spark, lake.spec, offset)
    lake.rewrite_manifests()
    assert spark.sql(f"SELECT path FROM {lake.name}.manifests").count() == 1
    assert offsets(spark, lake.spec) == list(range(40))
    assert not any(snapshot.replaces_data for snapshot in lake.chain())


def test_old_snapshots_expire_but_for_the_newest(spark, lake):
    for offset in range(KEPT + 3):
        append(spark, lake.spec, offset, rows=1)
    assert expire_snapshots(lake, IN_A_WEEK, KEPT) == 3
    assert len(lake.chain()) == KEPT
    assert offsets(spark, lake.spec) == list(range(KEPT + 3))


def test_snapshots_of_the_last_day_stay(spark, lake):
    for offset in range(KEPT + 3):
        append(spark, lake.spec, offset, rows=1)
    assert expire_snapshots(lake, datetime.now(UTC), KEPT) == 0


def test_files_that_an_undo_put_back_outlive_the_rewrite(spark, lake):
    for offset in range(0, 30, 10):
        append(spark, lake.spec, offset)
    replace_day(spark, lake.spec, first_offset=0, rows=20)
    lake.put_back(lake.chain()[0])
    for offset in range(KEPT):
        append(spark, lake.spec, 30 + offset, rows=1)
    assert expire_snapshots(lake, IN_A_WEEK, KEPT) == 6
    assert offsets(spark, lake.spec) == list(range(30 + KEPT))


def test_after_expiry_a_restarted_query_still_knows_its_last_epoch(spark, lake, tmp_path):
    stream = replace(HYDRAULIC_TO_LAKE, writes=lake.spec, trigger_every=timedelta(milliseconds=200))
    messages = [text({"facility_id": 1000, "event_time": NOW, "seq": seq}) for seq in range(3)]
    batch = records(spark, messages, topic=HYDRAULIC.name)
    batch.coalesce(1).write.parquet(str(tmp_path / "in"))

    def run():
        source = spark.readStream.schema(batch.schema).parquet(str(tmp_path / "in"))
        query = start(stream, source, "", str(tmp_path / "checkpoints"))
        try:
            query.processAllAvailable()
        finally:
            query.stop()

    append(spark, lake.spec, 100)
    run()
    for offset in range(1000, 1000 + KEPT + 2):
        append(spark, lake.spec, offset, rows=1)
    assert expire_snapshots(lake, IN_A_WEEK, KEPT) == 1, "only what came before the query's commit may go"
    commits = tmp_path / "checkpoints" / stream.name / "commits"
    for trace in (*commits.glob("0"), *commits.glob(".0.crc")):
        trace.unlink()
    run()
    assert (commits / "0").exists(), "the restarted query should have repeated its epoch"
    assert [offset for offset in offsets(spark, lake.spec) if offset < 100] == [0, 1, 2]


class Conflict(PySparkException):
    def __init__(self):
        super().__init__("An error occurred: org.apache.iceberg.exceptions.ValidationException: Missing required files")


def test_a_conflict_is_tried_again():
    outcomes = iter([Conflict(), Conflict(), "done"])

    def act():
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert retry_conflicts("heat_raw", act) == "done"


def test_a_conflict_at_every_attempt_is_an_error_of_ours():
    attempts = []

    def act():
        attempts.append(1)
        raise Conflict()

    with pytest.raises(RewriteConflict, match=r"heat_raw: other writers committed first, 4 times"):
        retry_conflicts("heat_raw", act)
    assert len(attempts) == ATTEMPTS


def test_any_other_failure_is_not_tried_again():
    attempts = []

    def act():
        attempts.append(1)
        raise PySparkException("the disk is full")

    with pytest.raises(PySparkException, match="the disk is full"):
        retry_conflicts("heat_raw", act)
    assert len(attempts) == 1
