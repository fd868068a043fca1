import math
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from pyspark.sql import functions as F  # noqa: N812
from tests.spark.lake_tables import DAY, NEXT_DAY, append, created, dropped, replace_day

from soh.errors import ProofFailed
from soh.lake import viewing
from soh.lake.viewing import SOURCE
from soh.specs.tables import HEAT_GRADES, Store
from soh.specs.views import VIEWS, Grain, ViewSpec, views_of
from soh_spark import views as views_module
from soh_spark.engine import SparkEngine
from soh_spark.lake_table import LakeTable
from soh_spark.schema import ensure_table, table_type, view_type

NOW = datetime(2026, 5, 3, tzinfo=UTC)


@contextmanager
def viewed(spark, name):
    """A table with 60 readings of five facilities, one a second; and its two views, which do not exist yet."""
    with created(spark, name) as table:
        views = [
            ViewSpec(name=f"{name}_{grain}", description="A view.", of=table, grain=grain)
            for grain in (Grain.HOUR, Grain.DAY)
        ]
        with dropped(spark, views[0]), dropped(spark, views[1]):
            append(spark, table, 0, rows=40)
            append(spark, table, 3600, rows=20)
            yield LakeTable(spark=spark, spec=table), *views


@pytest.fixture
def place(spark):
    with viewed(spark, "views_test") as found:
        yield found


def refresh(lake, views, days, now):
    return viewing.refresh(SparkEngine(lake.spark), lake.spec, views, days, now)


def rows(spark, view, day=DAY):
    found = spark.table(view.identifier).where(F.col("event_date") == F.lit(day))
    return [row.asDict() for row in found.orderBy("facility_id", "first_time").collect()]


def snapshots(spark, view):
    return spark.sql(f"SELECT * FROM {view.identifier}.snapshots").count()


def test_a_view_has_a_row_for_each_facility_and_hour_with_mean_least_and_greatest_of_what_was_measured(spark, place):
    lake, hourly, daily = place
    told = refresh(lake, [hourly, daily], [DAY], NOW)
    assert [(one.view, one.refreshed, one.rows, one.source_rows) for one in told] == [
        (hourly.name, True, 10, 60),
        (daily.name, True, 5, 60),
    ]
    # Facility 1000 has the offsets 0, 5, 10 ... 35: every fourth is null, and the one after each such is -0.0.
    first = rows(spark, hourly)[0]
    values = [offset + 0.5 for offset in range(0, 40, 5) if offset % 4 > 1] + [0.0, 0.0]
    assert (first["facility_id"], first["rows"], first["event_date"]) == (1000, 8, DAY)
    assert math.isclose(first["ts1_mean"], sum(values) / len(values))
    assert (first["ts1_min"], first["ts1_max"]) == (min(values), max(values))
    assert [row["rows"] for row in rows(spark, hourly)] == [8, 4] * 5
    assert [row["rows"] for row in rows(spark, daily)] == [12] * 5
    day = rows(spark, daily)[0]
    hours = rows(spark, hourly)[:2]
    assert day["ts1_max"] == max(hour["ts1_max"] for hour in hours)
    assert (day["first_time"], day["last_time"]) == (hours[0]["first_time"], hours[1]["last_time"])


def test_a_view_that_is_right_is_not_written_again(spark, place):
    lake, hourly, daily = place
    refresh(lake, [hourly, daily], [DAY], NOW)
    before = snapshots(spark, hourly)
    told = refresh(lake, [hourly, daily], [DAY], NOW)
    nothing = (False, 60, "nothing to do: computed from the files that the table has")
    assert [(one.refreshed, one.source_rows, one.verdict) for one in told] == [nothing, nothing]
    assert snapshots(spark, hourly) == before


def test_a_view_whose_table_was_packed_meanwhile_is_compared_and_not_written_again(spark, place):
    lake, hourly, daily = place
    refresh(lake, [hourly, daily], [DAY], NOW)
    before = snapshots(spark, hourly)
    for offset in range(5):
        append(spark, lake.spec, 7200 + offset, rows=1, day=NEXT_DAY)
    spark.sql(
        f"CALL lake.system.rewrite_data_files(table => 'soh.{lake.spec.name}', options => map('rewrite-all', 'true'))"
    )
    told = refresh(lake, [hourly, daily], [DAY], NOW)
    assert [(one.refreshed, one.rows, one.verdict) for one in told] == [
        (False, 10, "nothing to do: up to date"),
        (False, 5, "nothing to do: up to date"),
    ]
    assert snapshots(spark, hourly) == before


def test_a_day_that_gained_readings_is_replaced_and_other_days_stay(spark, place):
    lake, hourly, daily = place
    append(spark, lake.spec, 5000, day=NEXT_DAY)
    refresh(lake, [hourly, daily], [DAY, NEXT_DAY], NOW)
    append(spark, lake.spec, 6000)
    (told,) = refresh(lake, [daily], [DAY], NOW)
    assert (told.refreshed, told.source_rows) == (True, 70)
    assert [row["rows"] for row in rows(spark, daily)] == [14] * 5
    assert [row["rows"] for row in rows(spark, daily, NEXT_DAY)] == [2] * 5
    summary = LakeTable(spark=spark, spec=daily).chain()[0].summary
    assert summary[SOURCE] == str(lake.chain()[0].id)


def test_a_value_that_changed_is_seen_where_every_count_is_the_same(spark, place):
    lake, hourly, _ = place
    refresh(lake, [hourly], [DAY], NOW)
    spark.sql(f"UPDATE {hourly.identifier} SET ts3_mean = ts3_mean + 1 WHERE facility_id = 1003")
    (told,) = refresh(lake, [hourly], [DAY], NOW)
    assert told.refreshed


def test_a_day_without_readings_and_a_table_that_does_not_exist_have_nothing_to_do(spark, place):
    lake, hourly, daily = place
    assert [one.rows for one in refresh(lake, [hourly, daily], [date(2020, 1, 1)], NOW)] == [0, 0]
    missing = LakeTable(spark=spark, spec=replace(lake.spec, name="never_made"))
    (told,) = refresh(missing, [hourly], [DAY], NOW)
    assert told.verdict.startswith("nothing to do: lake.soh.never_made holds nothing")


def test_rows_that_are_not_those_of_the_table_s_metadata_leave_every_view_as_it_is(spark, place, monkeypatch):
    lake, hourly, _ = place
    original = views_module._by_hour
    monkeypatch.setattr(views_module, "_by_hour", lambda rows, view: original(rows.limit(59), view))
    with pytest.raises(ProofFailed, match=f"{DAY}: 59 rows counted, 60 in its files"):
        refresh(lake, [hourly], [DAY], NOW)
    assert spark.table(hourly.identifier).isEmpty()


def test_a_view_of_grades_counts_the_rows_in_each_state(spark):
    table = replace(HEAT_GRADES, name="graded_test", store=Store.HDFS)
    view = ViewSpec(name="graded_test_day", description="A view.", of=table, grain=Grain.DAY)
    with dropped(spark, table), dropped(spark, view):
        ensure_table(spark, table)
        made = {"facility_id": "100L", "event_time": "timestamp'2026-05-01 01:00:00'", "event_date": f"date'{DAY}'"}
        made |= {"pred": "elt(1 + id % 3, 'normal', 'idle', 'normal')", "pf": "0.5D + id"}
        columns = [f"{made.get(c.name, 'NULL')} AS {c.name}" for c in table_type(table)]
        spark.range(9).selectExpr(*columns).writeTo(table.identifier).append()
        refresh(LakeTable(spark=spark, spec=table), [view], [DAY], NOW)
        (row,) = rows(spark, view)
    assert (row["rows"], row["normal"], row["idle"], row["danger"], row["pf_mean"]) == (9, 6, 3, 0, 4.5)
    assert row["temperature_mean"] is None


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_a_declared_view_has_columns_of_different_names_and_its_day_as_partition(view):
    names = [column.name.lower() for column in view_type(view)]
    assert len(set(names)) == len(names)
    assert names[-1] == "event_date"
    assert view in views_of(view.of)


def test_after_a_rewrite_that_lost_rows_the_view_says_what_the_table_says(spark, place):
    lake, _, daily = place
    refresh(lake, [daily], [DAY], NOW)
    replace_day(spark, lake.spec, first_offset=0, rows=10)
    (told,) = refresh(lake, [daily], [DAY], NOW)
    assert (told.refreshed, told.source_rows) == (True, 10)
