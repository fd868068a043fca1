from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from tests.fakes.messages import SENT, heat, text
from tests.spark.kafka_records import arrive, records
from tests.spark.lake_tables import dropped, offsets

from soh.specs import StreamSpec
from soh.specs.fleets import HEAT
from soh.specs.streams import HEAT_DEAD_LETTERS, HEAT_TO_LAKE
from soh.specs.tables import HEAT_RAW
from soh.specs.topics import HEAT_DEAD
from soh_spark.schema import ensure_table
from soh_spark.sinks import LETTERS_LOOK_EVERY, batches, dead_letter_options, dead_letters, lake_rows, start

MIXED = [text(heat()), b"poison", text(heat(temperature="warm")), text(heat(sensor_id=5)), None, text(heat(온도=None))]

FAST = replace(HEAT_TO_LAKE, trigger_every=timedelta(milliseconds=200), stall_after=timedelta(seconds=1))


@pytest.fixture
def table(spark):
    with dropped(spark, HEAT_RAW) as table:
        ensure_table(spark, table)
        yield table


@contextmanager
def running(spark: SparkSession, folder: Path, stream: StreamSpec = FAST) -> Iterator[StreamingQuery]:
    """The stream's query over Kafka-shaped records that arrive as files in `folder`."""
    schema = records(spark, [b""]).schema
    query = start(stream, spark.readStream.schema(schema).parquet(str(folder / "in")), "", str(folder / "checkpoints"))
    try:
        yield query
    finally:
        query.stop()


def test_every_record_goes_exactly_one_way(spark, table):
    mixed = records(spark, MIXED)
    archived = [row["kafka_offset"] for row in lake_rows(mixed, HEAT_TO_LAKE, table).collect()]
    headers = dead_letters(mixed, HEAT_DEAD_LETTERS).selectExpr("headers[3].value AS offset").collect()
    assert sorted(archived) == [0, 3, 5]
    assert sorted(int(row["offset"]) for row in headers) == [1, 2, 4]


def test_a_dead_letter_keeps_its_bytes_and_tells_its_origin(spark):
    poison = b"\xff\x00poison"
    (letter,) = dead_letters(records(spark, [poison], headers=[("trace", b"1")]), HEAT_DEAD_LETTERS).collect()
    assert (letter["key"], letter["value"]) == (bytearray(b"100"), bytearray(poison))
    assert [(header["key"], bytes(header["value"])) for header in letter["headers"]] == [
        ("trace", b"1"),
        ("reason", b"not_utf8"),
        ("topic", b"heat"),
        ("partition", b"2"),
        ("offset", b"0"),
        ("timestamp", str(int(SENT.timestamp() * 1000)).encode()),
    ]


def test_a_dead_letter_without_value_or_headers_is_written_too(spark):
    (letter,) = dead_letters(records(spark, [None]), HEAT_DEAD_LETTERS).collect()
    assert letter["value"] is None
    assert [header["key"] for header in letter["headers"]] == ["reason", "topic", "partition", "offset", "timestamp"]


def test_the_producer_takes_the_longest_letter_and_waits_for_all_replicas():
    options = dead_letter_options(HEAT_DEAD, "broker:9092")
    assert int(options["kafka.max.request.size"]) >= HEAT_DEAD.max_message_size
    assert int(options["kafka.buffer.memory"]) >= int(options["kafka.max.request.size"])
    assert (options["kafka.acks"], options["kafka.enable.idempotence"]) == ("all", "true")
    assert (options["topic"], options["kafka.bootstrap.servers"]) == ("heat_dead", "broker:9092")


def test_readings_wait_for_a_full_batch_or_their_trigger():
    cut = batches(HEAT_TO_LAKE)
    assert (cut.enough, cut.patience) == (cut.largest, HEAT_TO_LAKE.trigger_every)


def test_dead_letters_of_a_small_fleet_wait_for_their_trigger():
    cut = batches(HEAT_DEAD_LETTERS)
    assert cut.patience == HEAT_DEAD_LETTERS.trigger_every
    assert cut.enough > HEAT.facilities * HEAT_DEAD_LETTERS.trigger_every / HEAT.period


def test_a_batch_lands_in_as_many_files_as_declared(spark, table):
    many = records(spark, [text(heat())] * 8).repartition(4)
    assert lake_rows(many, HEAT_TO_LAKE, table).rdd.getNumPartitions() == HEAT_TO_LAKE.files_per_batch == 2


def test_a_query_has_the_name_the_checkpoint_and_the_pool_of_its_stream(spark, table, tmp_path):
    arrive(tmp_path / "in", MIXED, 0)
    with running(spark, tmp_path) as query:
        query.processAllAvailable()
        assert query.name == HEAT_TO_LAKE.name
    assert spark.sparkContext.getLocalProperty("spark.scheduler.pool") == HEAT_TO_LAKE.name
    assert (tmp_path / "checkpoints" / HEAT_TO_LAKE.name / "commits" / "0").exists()


def test_a_batch_that_was_written_but_not_checkpointed_is_in_the_lake_once(spark, table, tmp_path):
    arrive(tmp_path / "in", MIXED, 0)
    with running(spark, tmp_path) as query:
        query.processAllAvailable()
    commits = tmp_path / "checkpoints" / HEAT_TO_LAKE.name / "commits"
    for trace in (*commits.glob("0"), *commits.glob(".0.crc")):
        trace.unlink()
    arrive(tmp_path / "in", MIXED, 10)
    with running(spark, tmp_path) as query:
        query.processAllAvailable()
    assert (commits / "0").exists(), "the restarted query should have repeated batch 0"
    assert offsets(spark, table) == [0, 3, 5, 10, 13, 15]


def test_a_column_that_is_no_longer_declared_is_filled_with_null(spark, table, tmp_path):
    spark.sql(f"ALTER TABLE {table.identifier} ADD COLUMNS (retired double FIRST)")
    arrive(tmp_path / "in", MIXED[:1], 0)
    with running(spark, tmp_path) as query:
        query.processAllAvailable()
    row = spark.table(table.identifier).select("retired", "facility_id", "temperature").first()
    assert row == (None, 100, 41.5)


def test_dead_letters_let_as_many_readings_pass_as_ten_thousand_sensors_send_and_not_many_at_once():
    sent = 10_000 * LETTERS_LOOK_EVERY / HEAT.period
    assert 1.5 * sent < batches(HEAT_DEAD_LETTERS).largest < 3 * sent
