from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from tests.unit.lake.columns.tables import DAY, NEXT_DAY

from soh.errors import ProofFailed, RewriteConflict, TableConflict
from soh.lake.columns import table as module
from soh.lake.columns.files import read_file
from soh.lake.columns.table import ColumnsTable
from soh.lake.engine import SORTED_BY
from soh.lake.figures import to_json
from soh.lake.packing import compact, expire_snapshots
from soh.lake.proof import proven, settle
from soh.specs.schemas import measured

KEPT = 2
IN_A_WEEK = datetime.now(UTC) + timedelta(days=7)


def packed(lake, day=DAY):
    return compact(lake.table, lake.spec, day, "local")


@pytest.fixture
def small(lake):
    """Sixty readings in six small files, and ten more in one file of the next day."""
    # In one commit: each takes as long as writing its file.
    lake.table.append([lake.written(lake.rows(offset)) for offset in range(0, 60, 10)], {})
    lake.append(60, day=NEXT_DAY)
    return lake


@contextmanager
def live_writer(lake, first_offset):
    """Appends to the day and the next one in turn, as fast as it can, until the block ends; yields what it wrote."""
    written, stop = [], threading.Event()

    def write():
        while not stop.is_set():
            offset = first_offset + 10 * len(written)
            lake.append(offset, day=(DAY, NEXT_DAY)[len(written) % 2])
            written.append(offset)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield written
    finally:
        stop.set()
        writer.join()


def test_a_day_is_packed_and_proven_beside_a_live_writer(small):
    with live_writer(small, 1000) as written:
        while not written:
            pass
        result = packed(small)
    appended = [offset + n for offset in written for n in range(10)]
    assert small.offsets(DAY, NEXT_DAY) == [*range(70), *appended]
    assert (result.compacted, result.facilities, result.duplicates) == (True, 5, 0)
    assert (result.files_before >= 6, result.files_after) == (True, 1)
    assert (result.rows >= 60, result.bytes_after < result.bytes_before) == (True, True)


def test_the_figures_tell_what_was_done(small):
    result = packed(small)
    assert result.verdict == "compacted 6 small files into 1, 60 rows of 5 facilities unchanged"
    written = json.loads(to_json(asdict(result)))
    assert (written["table"], written["day"], written["engine"]) == (small.spec.name, "2026-05-01", "local")
    assert written["seconds"].keys() >= {"plan", "rewrite", "prove", "rewrite manifests", "expire snapshots"}


def test_a_packed_file_is_sorted_by_facility_and_time_and_holds_every_value_as_it_was(small):
    before = small.read().sort(SORTED_BY)
    packed(small)
    assert small.read().equals(before)


def test_a_second_run_finds_nothing_to_do_and_writes_nothing(small):
    first = packed(small)
    before = [snapshot.id for snapshot in small.table.chain()]
    second = packed(small)
    assert second.verdict == "nothing to do: 1 small file"
    assert (second.compacted, second.files_before, second.files_after) == (False, 1, 1)
    assert (second.rows, second.bytes_before) == (60, first.bytes_after)
    assert [snapshot.id for snapshot in small.table.chain()] == before


def test_other_days_are_left_alone(small):
    before = small.table.files_at(None, [NEXT_DAY])
    packed(small)
    assert [file.path for file in small.table.files_at(None, [NEXT_DAY])] == [file.path for file in before]


def test_late_readings_of_a_packed_day_are_packed_too(small):
    packed(small)
    for offset in range(100, 150, 10):
        small.append(offset)
    result = packed(small)
    assert (result.files_before, result.files_after, result.rows) == (6, 1, 110)


def test_readings_that_came_twice_are_counted(small):
    small.append(55)
    assert packed(small).duplicates == 5


def test_what_there_is_not_is_nothing_to_do(lake):
    assert packed(lake).verdict == "nothing to do: no files"
    absent = replace(lake, spec=replace(lake.spec, name="columns_test_absent"))
    assert packed(absent).verdict == "nothing to do: lake.soh.columns_test_absent does not exist yet"
    lake.append(0)
    result = packed(lake, date(2020, 1, 1))
    assert (result.verdict, result.rows, result.files_before) == ("nothing to do: no files", 0, 0)


def test_a_day_of_more_than_one_file_goes_facility_by_facility_into_several(small):
    size = sum(file.size for file in small.table.files(DAY))
    split = replace(small, spec=replace(small.spec, target_file_size=size // 3))
    before = small.read().sort(SORTED_BY)
    found = packed(split)
    assert found.files_after == 3
    java = small.table.load()
    files = [read_file(java.io(), file, small.table.columns(java)) for file in small.table.files_at(None, [DAY])]
    facilities = [set(rows["facility_id"]) for rows in files]
    assert sum(len(found) for found in facilities) == 5, "a facility is in one file"
    assert small.read().sort(SORTED_BY).equals(before)


def test_a_file_that_does_not_hold_what_was_read_is_in_no_commit_and_taken_away(small, monkeypatch):
    writing, paths = module.write_file, []

    def lossy(java, day, rows, columns):
        written = writing(java, day, rows.head(59), columns)
        paths.append(written.path)
        return written

    monkeypatch.setattr(module, "write_file", lossy)
    before = small.table.chain()
    with pytest.raises(ProofFailed, match="facility 1004 on 2026-05-01: 12 rows before, 11 after"):
        packed(small)
    assert small.table.chain() == before
    assert not small.table.load().io().newInputFile(paths[0]).exists()


def test_a_rewrite_that_lost_rows_is_undone_and_what_was_appended_stays(small):
    wrong = small.replace_day(small.rows(0, rows=58))
    small.append(70)
    small.append(80, day=NEXT_DAY)
    with pytest.raises(ProofFailed) as failure:
        settle(small.table, since=None)
    assert "facility 1003 on 2026-05-01: 12 rows before, 11 after" in str(failure.value)
    assert str(wrong) in str(failure.value)
    assert small.offsets(DAY, NEXT_DAY) == list(range(90))


def test_a_rewrite_that_changed_a_value_is_undone(small):
    small.replace_day(small.read().with_columns(pl.col("ts1") + 1e-9))
    with pytest.raises(ProofFailed, match=r"rows with hash"):
        settle(small.table, since=None)
    assert small.offsets(DAY) == list(range(60))


def test_an_undo_that_two_runs_attempt_happens_once(small, monkeypatch):
    wrong = small.replace_day(small.rows(0, rows=40))
    act = ColumnsTable.put_back

    def twice(table, rewrite):
        act(table, rewrite)
        with pytest.raises(RewriteConflict):
            act(table, rewrite)

    monkeypatch.setattr(ColumnsTable, "put_back", twice)
    with pytest.raises(ProofFailed, match="so it is undone"):
        settle(small.table, since=None)
    assert [snapshot.undoes for snapshot in small.table.chain()].count(wrong) == 1
    assert small.offsets(DAY) == list(range(60))


def test_a_run_that_died_after_its_commit_is_proven_by_the_next_run_of_another_day(small):
    small.table.rewrite(DAY)
    (unproven,) = [snapshot.id for snapshot in small.table.chain() if snapshot.replaces_data]
    assert proven(small.table) is None
    assert packed(small, NEXT_DAY).verdict == "nothing to do: 1 small file"
    assert proven(small.table) == unproven


def test_two_compactions_at_once_leave_every_reading_once(small):
    verdicts, failures = [], []

    def run():
        try:
            verdicts.append(packed(small).verdict)
        except Exception as error:
            failures.append(error)

    runs = [threading.Thread(target=run) for _ in range(2)]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join()
    assert failures == []
    assert any(verdict.startswith("compacted 6 small files into 1") for verdict in verdicts)
    assert small.offsets(DAY, NEXT_DAY) == list(range(70))
    assert len(small.table.files(DAY)) == 1


def test_files_that_an_undo_put_back_outlive_the_rewrite(lake):
    for offset in range(0, 30, 10):
        lake.append(offset)
    lake.replace_day(lake.rows(0, rows=20))
    lake.table.put_back(lake.table.chain()[0])
    for offset in range(KEPT):
        lake.append(30 + offset, rows=1)
    assert expire_snapshots(lake.table, IN_A_WEEK, KEPT) == 6
    assert lake.offsets() == list(range(30 + KEPT))


def test_files_that_only_an_expired_snapshot_needs_go_with_it(small):
    gone = [file.path for file in small.table.files_at(None, [DAY])]
    packed(small)
    for offset in range(KEPT):
        small.append(100 + offset, rows=1)
    expire_snapshots(small.table, IN_A_WEEK, KEPT)
    io = small.table.load().io()
    assert [path for path in gone if io.newInputFile(path).exists()] == []


def test_many_manifests_become_few_and_no_reading_changes(small):
    small.table.rewrite_manifests()
    java = small.table.load()
    assert len(list(java.currentSnapshot().allManifests(java.io()))) == 1
    assert small.offsets(DAY, NEXT_DAY) == list(range(70))


def test_a_table_gains_the_columns_that_its_declaration_has_gained_and_reads_older_files_with_nulls(small):
    schema = replace(small.spec.schema, fields=(*small.spec.schema.fields, measured("later", "bar")))
    wider = replace(small, spec=replace(small.spec, schema=schema))
    small.engine.ensure(wider.spec)
    assert wider.read()["later"].null_count() == 60
    assert wider.read().columns.index("later") == wider.read().columns.index("event_date") - 1
    assert packed(wider).rows == 60


def test_a_column_of_another_type_than_declared_is_refused(small):
    fields = tuple(measured("seq", "bar") if field.name == "seq" else field for field in small.spec.schema.fields)
    with pytest.raises(TableConflict, match=r"column seq of .* is bigint, but is declared as double"):
        small.engine.ensure(replace(small.spec, schema=replace(small.spec.schema, fields=fields)))
