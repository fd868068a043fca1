import pytest
from tests.spark.lake_tables import DAY, NEXT_DAY, append, created, offsets, replace_day

from soh.errors import ProofFailed
from soh.lake.compaction import UNDOES
from soh.lake.packing import compact
from soh.lake.proof import proven, settle
from soh_spark.lake_table import LakeTable


@pytest.fixture
def lake(spark):
    """Fifty readings of five facilities in five small files."""
    with created(spark, "proof_test") as table:
        for offset in range(0, 50, 10):
            append(spark, table, offset)
        yield LakeTable(spark=spark, spec=table)


def test_a_rewrite_that_lost_rows_is_undone_and_what_was_appended_stays(spark, lake):
    wrong = replace_day(spark, lake.spec, first_offset=0, rows=48)
    append(spark, lake.spec, 50)
    append(spark, lake.spec, 60, day=NEXT_DAY)
    with pytest.raises(ProofFailed) as failure:
        settle(lake, since=None)
    assert "facility 1003 on 2026-05-01: 10 rows before, 9 after" in str(failure.value)
    assert "facility 1004 on 2026-05-01: 10 rows before, 9 after" in str(failure.value)
    assert str(wrong) in str(failure.value)
    assert offsets(spark, lake.spec) == list(range(70))


def test_a_rewrite_that_changed_a_value_is_undone(spark, lake):
    replace_day(spark, lake.spec, first_offset=1, rows=50)
    with pytest.raises(ProofFailed, match=r"facility 1000 on 2026-05-01: 10 rows with hash"):
        settle(lake, since=None)
    assert offsets(spark, lake.spec) == list(range(50))


def test_a_rewrite_that_lost_a_whole_day_is_undone(spark, lake):
    append(spark, lake.spec, 100, day=NEXT_DAY)
    replace_day_and_forget_the_next(spark, lake)
    with pytest.raises(ProofFailed, match=r"on 2026-05-02: 2 rows before, 0 after"):
        settle(lake, since=None)
    assert offsets(spark, lake.spec) == [*range(50), *range(100, 110)]


def replace_day_and_forget_the_next(spark, lake):
    java = lake._java()
    rewrite = java.newRewrite()
    kept = []
    for task in java.newScan().planFiles().iterator():
        rewrite.deleteFile(task.file())
        kept.append(task.file())
    # Added again under a new snapshot: five files of the first day, none of the second.
    for file in kept:
        if str(DAY) in file.location():
            rewrite.addFile(file)
    rewrite.commit()


def test_a_table_that_was_put_right_is_compacted_by_the_next_run(spark, lake):
    replace_day(spark, lake.spec, first_offset=0, rows=40)
    with pytest.raises(ProofFailed):
        compact(lake, lake.spec, DAY, "spark")
    result = compact(lake, lake.spec, DAY, "spark")
    assert (result.compacted, result.rows, result.files_before) == (True, 50, 5)
    assert offsets(spark, lake.spec) == list(range(50))


def test_a_right_rewrite_of_a_spoiled_day_is_undone_with_it(spark, lake):
    first = replace_day(spark, lake.spec, first_offset=0, rows=40)
    second = replace_day(spark, lake.spec, first_offset=0, rows=40)
    with pytest.raises(ProofFailed, match=rf"Snapshots {second}, {first} are kept"):
        settle(lake, since=None)
    assert offsets(spark, lake.spec) == list(range(50))


def test_an_undo_whose_run_died_is_checked_and_not_repeated(spark, lake):
    replace_day(spark, lake.spec, first_offset=0, rows=40)
    lake.put_back(lake.chain()[0])
    append(spark, lake.spec, 50)
    assert settle(lake, since=proven(lake)).proofs == ()
    assert offsets(spark, lake.spec) == list(range(60))
    assert proven(lake) == lake.chain()[1].id


def test_an_undo_that_two_runs_attempt_happens_once(spark, lake, monkeypatch):
    wrong = replace_day(spark, lake.spec, first_offset=0, rows=40)
    monkeypatch.setattr(LakeTable, "put_back", twice(LakeTable.put_back))
    with pytest.raises(ProofFailed, match="so it is undone"):
        settle(lake, since=None)
    assert [snapshot.undoes for snapshot in lake.chain()].count(wrong) == 1
    assert offsets(spark, lake.spec) == list(range(50))


def twice(act):
    def act_twice(*args):
        act(*args)
        act(*args)

    return act_twice


def test_an_undo_that_restores_something_else_is_reported(spark, lake, monkeypatch):
    wrong = replace_day(spark, lake.spec, first_offset=0, rows=40)
    monkeypatch.setattr(LakeTable, "put_back", put_back_all_but_one)
    with pytest.raises(ProofFailed, match=rf"should have undone rewrite {wrong}, but has not: facility 1000"):
        settle(lake, since=None)


def put_back_all_but_one(lake, rewrite):
    java = lake._java()
    changes = lake.spark._jvm.org.apache.iceberg.SnapshotChanges.builderFor(java)
    changes = changes.snapshot(java.snapshot(rewrite.id)).build()
    for file in changes.addedDataFiles():
        java.newDelete().deleteFile(file).commit()
    addition = java.newFastAppend()
    for file in list(changes.removedDataFiles())[1:]:
        addition.appendFile(file)
    addition.set(UNDOES, str(rewrite.id)).commit()


def test_a_rewrite_that_cannot_be_undone_is_left_for_a_person(spark, lake, monkeypatch):
    wrong = replace_day(spark, lake.spec, first_offset=0, rows=40)
    monkeypatch.setattr(LakeTable, "put_back", lambda *_: None)
    with pytest.raises(ProofFailed, match=rf"could not be undone: snapshot {wrong}"):
        settle(lake, since=None)
    assert proven(lake) is None


def test_what_was_proven_is_not_proven_again(spark, lake):
    compact(lake, lake.spec, DAY, "spark")
    assert settle(lake, since=None).proofs != ()
    assert settle(lake, since=proven(lake)).proofs == ()
