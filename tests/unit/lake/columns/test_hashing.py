from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from tests.fakes.hashed import COLUMNS, HASHES, ROWS

from soh.lake.columns.files import DTYPES
from soh.lake.columns.hashing import content, row_hashes
from soh.lake.content import total

SCHEMA = {name: DTYPES[type_] for name, type_ in COLUMNS.items()}


def frame(rows):
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def test_every_row_has_the_hash_that_spark_gives_it():
    assert row_hashes(frame(ROWS)).view(np.int64).tolist() == HASHES


def test_a_row_has_its_hash_wherever_it_stands(monkeypatch):
    monkeypatch.setattr("soh.lake.columns.hashing._CHUNK", 3)
    assert row_hashes(frame(ROWS)).view(np.int64).tolist() == HASHES


def test_sums_are_by_day_and_facility_and_do_not_depend_on_order():
    rows = frame([*ROWS, *ROWS[:2]])
    found = content(rows, list(COLUMNS))
    assert found[date(2026, 5, 1), 100].rows == 2
    assert found[date(2026, 5, 1), 100].hash == 2 * HASHES[0]
    assert found == content(rows.reverse(), list(COLUMNS))
    assert total(found).hash == sum(HASHES) + HASHES[0] + HASHES[1]


def test_more_columns_than_marks_of_one_long_are_all_seen():
    names = [f"c{n}" for n in range(40)]
    rows = pl.DataFrame({name: [0.0, 0.0] for name in names})
    changed = rows.with_columns(c39=pl.Series([0.0, -0.0]), c38=pl.Series([0.0, None], dtype=pl.Float64))
    before, after = row_hashes(rows), row_hashes(changed)
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)


def test_a_type_that_the_lake_does_not_have_is_refused():
    with pytest.raises(TypeError, match="column a is UInt8"):
        row_hashes(pl.DataFrame({"a": pl.Series([1], dtype=pl.UInt8)}))
