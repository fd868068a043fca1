import pytest
from tests.fakes.hashed import COLUMNS, HASHES, ROWS
from tests.spark.lake_tables import DAY, NEXT_DAY, append, created

from soh.lake.content import differences
from soh_spark.lake_table import LakeTable, _row_hash


@pytest.fixture(scope="module")
def table(spark):
    with created(spark, "lake_table_test") as table:
        yield table


@pytest.fixture
def lake(spark, table):
    """The table, empty."""
    spark.sql(f"DELETE FROM {table.identifier}")
    return LakeTable(spark=spark, spec=table)


@pytest.fixture(scope="module")
def filled(spark):
    """A table with ten readings, which the tests change one by one."""
    with created(spark, "lake_table_filled_test") as table:
        append(spark, table, 0)
        yield LakeTable(spark=spark, spec=table)


@pytest.mark.parametrize(
    ("assignment", "condition"),
    [
        pytest.param("ts1 = 0", "kafka_offset = 8", id="null-becomes-zero"),
        pytest.param("ts1 = 0.0", "kafka_offset = 9", id="minus-zero-becomes-zero"),
        pytest.param("ts1 = ts1 + 1e-13", "kafka_offset = 2", id="the-last-bit-of-a-double"),
        pytest.param("ts1 = ts2, ts2 = ts1", "kafka_offset = 3", id="two-columns-change-places"),
        pytest.param("ts3 = NULL, ts4 = ts3", "kafka_offset = 6", id="a-null-changes-its-column"),
        pytest.param("event_time = event_time + INTERVAL 1 MICROSECOND", "kafka_offset = 4", id="a-microsecond"),
        pytest.param("kafka_offset = 99", "kafka_offset = 7", id="the-place-in-kafka"),
    ],
)
def test_any_change_of_a_value_shows_in_the_hash(spark, filled, assignment, condition):
    before = filled.chain()[0].id
    spark.sql(f"UPDATE {filled.name} SET {assignment} WHERE {condition}")
    after = filled.chain()[0].id
    contents = filled.contents([before, after], [DAY])
    assert len(differences(contents[before], contents[after])) == 1


def test_a_row_has_the_hash_that_the_other_engine_gives_it(spark):
    rows = spark.createDataFrame(ROWS, ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items()))
    assert [row["h"] for row in rows.select(_row_hash(rows.schema.fields).alias("h")).collect()] == HASHES


def test_order_and_files_do_not_show_in_the_hash(spark, lake):
    append(spark, lake.spec, 0)
    one = lake.chain()[0].id
    spark.sql(f"DELETE FROM {lake.name}")
    for offset in reversed(range(10)):
        append(spark, lake.spec, offset, rows=1)
    ten = lake.chain()[0].id
    contents = lake.contents([one, ten], [DAY])
    assert contents[one] == contents[ten]
    assert sum(sums.rows for sums in contents[ten].values()) == 10


def test_a_column_added_between_two_snapshots_is_no_difference(spark, lake):
    append(spark, lake.spec, 0)
    before = lake.chain()[0].id
    spark.sql(f"ALTER TABLE {lake.name} ADD COLUMNS (later double)")
    append(spark, lake.spec, 100, day=NEXT_DAY)
    after = lake.chain()[0].id
    contents = lake.contents([before, after], [DAY])
    spark.sql(f"ALTER TABLE {lake.name} DROP COLUMN later")
    assert contents[before] == contents[after] != {}


def test_a_kafka_record_that_is_there_twice_is_counted_once_over(spark, lake):
    append(spark, lake.spec, 0, rows=10)
    append(spark, lake.spec, 5, rows=10)
    append(spark, lake.spec, 5, rows=1)
    append(spark, lake.spec, 5, rows=1, day=NEXT_DAY)
    assert lake.duplicates(lake.chain()[0].id, DAY) == 6


def test_the_files_of_a_day_are_those_of_the_current_snapshot(spark, lake):
    for offset in (0, 10):
        append(spark, lake.spec, offset)
    append(spark, lake.spec, 20, day=NEXT_DAY)
    assert [file.rows for file in lake.files(DAY)] == [10, 10]
    assert all(file.size > 0 for file in lake.files(DAY))
    spark.sql(f"DELETE FROM {lake.name}")
    assert lake.files(DAY) == []
