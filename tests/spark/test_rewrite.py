import json
import threading
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date

import pytest
from tests.spark.lake_tables import DAY, NEXT_DAY, append, created, dropped, offsets, replace_day

from soh.errors import ProofFailed
from soh.lake.figures import to_json
from soh.lake.packing import compact
from soh.lake.proof import proven
from soh.specs.tables import HYDRAULIC_RAW
from soh_spark.lake_table import LakeTable


def packed(spark, table, day):
    return compact(LakeTable(spark=spark, spec=table), table, day, "spark")


@pytest.fixture
def table(spark):
    """Sixty readings in six small files, and ten more in one file of the next day."""
    with created(spark, "rewrite_test") as table:
        for offset in range(0, 60, 10):
            append(spark, table, offset)
        append(spark, table, 60, day=NEXT_DAY)
        yield table


@contextmanager
def live_writer(spark, table, first_offset):
    """Appends to the day and the next one in turn, as fast as it can, until the block ends; yields what it wrote."""
    written, stop = [], threading.Event()

    def write():
        while not stop.is_set():
            offset = first_offset + 10 * len(written)
            append(spark, table, offset, day=(DAY, NEXT_DAY)[len(written) % 2])
            written.append(offset)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield written
    finally:
        stop.set()
        writer.join()


def test_a_day_is_packed_and_proven_beside_a_live_writer(spark, table):
    with live_writer(spark, table, 1000) as written:
        result = packed(spark, table, DAY)
    lake = LakeTable(spark=spark, spec=table)
    appended = [offset + n for offset in written for n in range(10)]
    assert appended, "the writer should have been faster than the compaction"
    assert offsets(spark, table) == [*range(70), *appended]
    assert (result.compacted, result.facilities, result.duplicates) == (True, 5, 0)
    assert (result.files_before >= 6, result.files_after) == (True, 1)
    assert (result.rows >= 60, result.bytes_after < result.bytes_before) == (True, True)
    assert len(lake.files(DAY)) < len(written) / 2 + 6


def test_the_figures_tell_what_was_done(spark, table):
    result = packed(spark, table, DAY)
    assert result.verdict == "compacted 6 small files into 1, 60 rows of 5 facilities unchanged"
    written = json.loads(to_json(asdict(result)))
    assert written.keys() >= {"started_at", "hash", "seconds", "snapshots_expired", "bytes_before", "bytes_after"}
    assert (written["table"], written["day"]) == ("rewrite_test", "2026-05-01")
    assert written["seconds"].keys() >= {"plan", "rewrite", "prove", "rewrite manifests", "expire snapshots"}


def test_other_days_are_left_alone(spark, table):
    lake = LakeTable(spark=spark, spec=table)
    before = lake.files(NEXT_DAY)
    packed(spark, table, DAY)
    assert lake.files(NEXT_DAY) == before


def test_a_second_run_finds_nothing_to_do(spark, table):
    first = packed(spark, table, DAY)
    snapshots = [snapshot.id for snapshot in LakeTable(spark=spark, spec=table).chain()]
    second = packed(spark, table, DAY)
    assert second.verdict == "nothing to do: 1 small file"
    assert (second.compacted, second.files_before, second.files_after) == (False, 1, 1)
    assert (second.rows, second.bytes_before) == (60, first.bytes_after)
    assert [snapshot.id for snapshot in LakeTable(spark=spark, spec=table).chain()] == snapshots


def test_late_readings_of_a_packed_day_are_packed_too(spark, table):
    packed(spark, table, DAY)
    for offset in range(100, 150, 10):
        append(spark, table, offset)
    result = packed(spark, table, DAY)
    assert (result.files_before, result.files_after, result.rows) == (6, 1, 110)


def test_readings_that_came_twice_are_counted(spark, table):
    append(spark, table, 55)
    assert packed(spark, table, DAY).duplicates == 5


def test_a_day_without_readings_is_nothing_to_do(spark, table):
    result = packed(spark, table, date(2020, 1, 1))
    assert (result.verdict, result.rows, result.files_before) == ("nothing to do: no files", 0, 0)


def test_a_table_that_was_never_written_is_nothing_to_do(spark):
    with created(spark, "empty_test") as table:
        assert packed(spark, table, DAY).verdict == "nothing to do: no files"


def test_a_table_that_does_not_exist_is_nothing_to_do(spark):
    with dropped(spark, replace(HYDRAULIC_RAW, name="absent_test")) as table:
        assert packed(spark, table, DAY).verdict == "nothing to do: lake.soh.absent_test does not exist yet"


def test_a_rewrite_that_loses_rows_is_undone_with_live_appends_intact(spark, table, monkeypatch):
    def lossy(lake, day):
        append(spark, table, 200)
        replace_day(spark, table, first_offset=0, rows=59)
        append(spark, table, 300)

    monkeypatch.setattr(LakeTable, "rewrite", lossy)
    with pytest.raises(ProofFailed, match=r"facility 1004 on 2026-05-01: 14 rows before, 11 after"):
        packed(spark, table, DAY)
    assert offsets(spark, table) == [*range(70), *range(200, 210), *range(300, 310)]


def test_a_run_that_died_after_its_commit_is_proven_by_the_next_run_of_another_day(spark, table, monkeypatch):
    rewriting = LakeTable.rewrite

    def rewrite_and_die(*arguments):
        rewriting(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as crash:
        crash.setattr(LakeTable, "rewrite", rewrite_and_die)
        with pytest.raises(KeyboardInterrupt):
            packed(spark, table, DAY)
    lake = LakeTable(spark=spark, spec=table)
    (unproven,) = [snapshot.id for snapshot in lake.chain() if snapshot.replaces_data]
    assert proven(lake) is None
    assert packed(spark, table, NEXT_DAY).verdict == "nothing to do: 1 small file"
    assert proven(lake) == unproven
    assert offsets(spark, table) == list(range(70))


def test_two_compactions_at_once_leave_every_reading_once(spark, table):
    verdicts, failures = [], []

    def run():
        try:
            verdicts.append(packed(spark, table, DAY).verdict)
        except Exception as error:
            failures.append(error)

    runs = [threading.Thread(target=run) for _ in range(2)]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join()
    assert failures == []
    assert any(verdict.startswith("compacted 6 small files into 1") for verdict in verdicts)
    assert offsets(spark, table) == list(range(70))
    assert len(LakeTable(spark=spark, spec=table).files(DAY)) == 1
