from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest
from tests.unit.lake.columns.tables import DAY, NEXT_DAY

from soh.errors import ProofFailed
from soh.lake import viewing
from soh.lake.columns import looks
from soh.lake.columns import table as module
from soh.lake.columns.views import rows_of, summarise
from soh.lake.packing import compact
from soh.lake.viewing import SOURCE
from soh.specs.tables import HEAT_GRADES, Store
from soh.specs.views import Grain, ViewSpec, views_of

NOW = datetime(2026, 5, 3, tzinfo=UTC)


@pytest.fixture
def place(lake):
    """A table with 60 readings of five facilities, one a second; and its two views, which do not exist yet."""
    hourly, daily = (
        ViewSpec(name=f"{lake.spec.name}_{grain}", description="A view.", of=lake.spec, grain=grain)
        for grain in (Grain.HOUR, Grain.DAY)
    )
    lake.append(0, rows=40)
    lake.append(3600, rows=20)
    return lake, hourly, daily


def refresh(lake, views, days):
    return viewing.refresh(lake.engine, lake.spec, views, days, NOW)


def rows(lake, view, day=DAY):
    held = replace(lake, spec=view).read(day).sort("facility_id", "first_time")
    return held.to_dicts()


def test_a_view_has_a_row_for_each_facility_and_hour_with_mean_least_and_greatest_of_what_was_measured(place):
    lake, hourly, daily = place
    told = refresh(lake, [hourly, daily], [DAY])
    assert [(one.view, one.refreshed, one.rows, one.source_rows) for one in told] == [
        (hourly.name, True, 10, 60),
        (daily.name, True, 5, 60),
    ]
    # Facility 1000 has the offsets 0, 5, 10 ... 35: every fourth is null, and the one after each such is -0.0.
    first = rows(lake, hourly)[0]
    values = [offset + 0.5 for offset in range(0, 40, 5) if offset % 4 > 1] + [0.0, 0.0]
    assert (first["facility_id"], first["rows"], first["event_date"]) == (1000, 8, DAY)
    assert math.isclose(first["ts1_mean"], sum(values) / len(values))
    assert (first["ts1_min"], first["ts1_max"]) == (min(values), max(values))
    assert [row["rows"] for row in rows(lake, hourly)] == [8, 4] * 5
    assert [row["rows"] for row in rows(lake, daily)] == [12] * 5
    day, hours = rows(lake, daily)[0], rows(lake, hourly)[:2]
    assert day["ts1_max"] == max(hour["ts1_max"] for hour in hours)
    assert (day["first_time"], day["last_time"]) == (hours[0]["first_time"], hours[1]["last_time"])


def test_a_view_that_was_computed_from_the_same_files_is_not_looked_at_again(place, monkeypatch):
    lake, hourly, daily = place
    refresh(lake, [hourly, daily], [DAY])
    lake.append(7200, day=NEXT_DAY)
    monkeypatch.setattr(module, "read_file", None)
    told = refresh(lake, [hourly, daily], [DAY])
    same = "nothing to do: computed from the files that the table has"
    assert [(one.refreshed, one.source_rows, one.verdict) for one in told] == [(False, 60, same), (False, 60, same)]


def test_a_view_whose_table_was_packed_meanwhile_is_compared_and_not_written_again(place):
    lake, hourly, daily = place
    refresh(lake, [hourly, daily], [DAY])
    sooner = replace(lake, spec=replace(lake.spec, small_files=2))
    assert compact(sooner.table, sooner.spec, DAY, "local").compacted
    told = refresh(lake, [hourly, daily], [DAY])
    assert [(one.refreshed, one.rows) for one in told] == [(False, 10), (False, 5)]
    assert len(lake.engine.table(hourly).chain()) == 1


def test_a_day_that_gained_readings_is_replaced_and_other_days_stay(place):
    lake, hourly, daily = place
    lake.append(5000, day=NEXT_DAY)
    refresh(lake, [hourly, daily], [DAY, NEXT_DAY])
    lake.append(6000)
    (told,) = refresh(lake, [daily], [DAY])
    assert (told.refreshed, told.source_rows) == (True, 70)
    assert [row["rows"] for row in rows(lake, daily)] == [14] * 5
    assert [row["rows"] for row in rows(lake, daily, NEXT_DAY)] == [2] * 5
    assert lake.engine.table(daily).chain()[0].summary[SOURCE] == str(lake.table.chain()[0].id)


def test_a_value_that_somebody_changed_is_seen_where_every_count_is_the_same(place):
    lake, hourly, _ = place
    refresh(lake, [hourly], [DAY])
    view = replace(lake, spec=hourly)
    other = view.read().with_columns(pl.col("ts3_mean") + 1)
    view.table.replace_days([DAY], [view.written(other)], {})
    (told,) = refresh(lake, [hourly], [DAY])
    assert told.refreshed


def test_a_day_without_readings_has_nothing_to_do(place):
    lake, hourly, daily = place
    assert [one.rows for one in refresh(lake, [hourly, daily], [date(2020, 1, 1)])] == [0, 0]


def test_rows_that_are_not_those_of_the_table_s_metadata_leave_every_view_as_it_is(place, monkeypatch):
    lake, hourly, _ = place
    original = looks.by_hour
    monkeypatch.setattr(looks, "by_hour", lambda rows, spec: original(rows.head(19), spec))
    with pytest.raises(ProofFailed, match=f"{DAY}: 38 rows counted, 60 in its files"):
        refresh(lake, [hourly], [DAY])
    assert lake.engine.table(hourly).chain() == []


def test_a_view_of_grades_counts_the_rows_in_each_state(lake):
    spec = replace(HEAT_GRADES, name=f"{lake.spec.name}_graded", store=Store.HDFS)
    graded = replace(lake, spec=spec)
    lake.engine.ensure(spec)
    moment = datetime(2026, 5, 1, 1, tzinfo=UTC)
    made = {
        "facility_id": pl.lit(100, pl.Int64),
        "event_time": pl.lit(moment).cast(pl.Datetime("us", "UTC")),
        "event_date": pl.lit(DAY),
        "pred": pl.Series(["normal", "idle", "normal"] * 3),
        "pf": pl.Series([0.5 + n for n in range(9)]),
    }
    rows = graded.rows(0, 9).with_columns(**made)
    graded.table.append([graded.written(rows)], {})
    (view,) = [found for found in views_of(HEAT_GRADES) if found.grain is Grain.DAY]
    summary = summarise(view, graded.table.chain()[0].id, [DAY], lambda _: graded.table)
    (row,) = rows_of(view, summary.by_hour).to_dicts()
    assert (row["rows"], row["normal"], row["idle"], row["danger"], row["pf_mean"]) == (9, 6, 3, 0, 4.5)
