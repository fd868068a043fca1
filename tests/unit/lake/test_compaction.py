from datetime import UTC, date, datetime, timedelta

import pytest

from soh.lake.compaction import (
    FORGOTTEN_AFTER,
    KEPT_SNAPSHOTS,
    DataFile,
    Snapshot,
    expirable,
    expiry_cutoff,
    plan,
    to_undo,
    unproven,
)
from soh.specs import TOPICS
from soh.specs.tables import HEAT_RAW

TARGET = HEAT_RAW.target_file_size
LARGE = DataFile(size=TARGET, rows=1000)
SMALL = DataFile(size=TARGET // 100, rows=10)
NEARLY_SMALL = DataFile(size=TARGET * 3 // 4, rows=750)

NOW = datetime(2026, 5, 2, 3, 0, tzinfo=UTC)
KEEP = timedelta(days=1)


@pytest.mark.parametrize(
    ("files", "needed", "reason"),
    [
        pytest.param([], False, "nothing to do: no files", id="no-files"),
        pytest.param([SMALL], False, "nothing to do: 1 small file", id="one-small"),
        pytest.param([SMALL] * 4, False, "nothing to do: 4 small files", id="just-too-few"),
        pytest.param([SMALL] * 5, True, "5 small files to pack", id="just-enough"),
        pytest.param([SMALL] * 8640, True, "8,640 small files to pack", id="a-day-of-a-stream"),
        pytest.param([LARGE] * 20 + [SMALL] * 4, False, "nothing to do: 4 small files", id="large-ones-do-not-count"),
        pytest.param([NEARLY_SMALL] * 9, False, "nothing to do: 0 small files", id="three-quarters-are-not-small"),
    ],
)
def test_a_day_is_compacted_when_it_has_enough_small_files(files, needed, reason):
    planned = plan(files, HEAT_RAW)
    assert (planned.needed, planned.reason) == (needed, reason)
    assert (planned.files, planned.rows) == (len(files), sum(file.rows for file in files))
    assert planned.size == sum(file.size for file in files)


def chain(*snapshots: Snapshot) -> list[Snapshot]:
    """Snapshots given oldest first, as a chain from the newest back."""
    return list(reversed(snapshots))


def fold(id_: int, hours_ago: float) -> Snapshot:
    at = NOW - timedelta(hours=hours_ago)
    return Snapshot(id=id_, parent=id_ - 1, committed_at=at, operation="append", summary={"soh.consumed": "{}"})


def commit(id_: int, hours_ago: float, query: str | None = None) -> Snapshot:
    summary = {"spark.sql.streaming.queryId": query} if query else {}
    at = NOW - timedelta(hours=hours_ago)
    return Snapshot(id=id_, parent=id_ - 1, committed_at=at, operation="append", summary=summary)


def rewrite(id_: int) -> Snapshot:
    return Snapshot(id=id_, parent=id_ - 1, committed_at=NOW, operation="replace", summary={"deleted-data-files": "3"})


def undo(id_: int, *, of: int) -> Snapshot:
    return Snapshot(id=id_, parent=id_ - 1, committed_at=NOW, operation="append", summary={"soh.undoes": str(of)})


def manifests(id_: int) -> Snapshot:
    return Snapshot(id=id_, parent=id_ - 1, committed_at=NOW, operation="replace", summary={"manifests-replaced": "9"})


@pytest.mark.parametrize(
    ("snapshots", "proven", "expected"),
    [
        pytest.param([], None, [], id="never-written"),
        pytest.param([commit(1, 2), commit(2, 1)], None, [], id="appends-only"),
        pytest.param([commit(1, 2), rewrite(2), commit(3, 0)], None, [2], id="first-rewrite"),
        pytest.param([rewrite(1), commit(2, 2), rewrite(3), rewrite(4)], 1, [3, 4], id="oldest-first-after-the-proven"),
        pytest.param([rewrite(1), commit(2, 2)], 1, [], id="all-proven"),
        pytest.param([rewrite(8), commit(9, 1)], 5, [8], id="the-proven-one-has-expired"),
        pytest.param([rewrite(1), undo(2, of=1)], None, [1, 2], id="an-undo-is-checked-too"),
        pytest.param([commit(1, 1), manifests(2)], None, [], id="manifests-hold-no-readings"),
    ],
)
def test_rewrites_after_the_last_proof_are_unproven(snapshots, proven, expected):
    assert [snapshot.id for snapshot in unproven(chain(*snapshots), proven)] == expected


MAY_1, MAY_2 = date(2026, 5, 1), date(2026, 5, 2)


@pytest.mark.parametrize(
    ("rewrites", "expected"),
    [
        pytest.param([(1, {MAY_1}, True), (2, {MAY_2}, True)], [], id="all-right"),
        pytest.param([(1, {MAY_1}, True), (2, {MAY_1}, False)], [2], id="the-last-is-wrong"),
        pytest.param([(1, {MAY_1}, False), (2, {MAY_1}, True)], [2, 1], id="a-right-one-on-top-goes-first"),
        pytest.param([(1, {MAY_1}, False), (2, {MAY_2}, True)], [1], id="another-day-stays"),
        pytest.param(
            [(1, {MAY_1}, False), (2, {MAY_1, MAY_2}, True), (3, {MAY_2}, True)],
            [3, 2, 1],
            id="spoiled-in-two-steps",
        ),
    ],
)
def test_wrong_rewrites_and_those_built_on_them_are_undone_newest_first(rewrites, expected):
    assert [
        snapshot.id for snapshot in to_undo([(rewrite(id_), days, right) for id_, days, right in rewrites])
    ] == expected


@pytest.mark.parametrize(
    ("snapshots", "cutoff_hours_ago"),
    [
        pytest.param([], 24, id="never-written"),
        pytest.param([commit(1, 90), commit(2, 1)], 24, id="no-stream-writes-here"),
        pytest.param([commit(1, 90, "a"), commit(2, 1, "a")], 24, id="a-live-stream"),
        pytest.param([commit(1, 90, "a"), commit(2, 50, "a"), commit(3, 1)], 50, id="a-stream-silent-for-two-days"),
        pytest.param([commit(1, 50, "a"), commit(2, 1, "b")], 50, id="the-more-silent-of-two-streams"),
        pytest.param([commit(1, 24 * 15, "a"), commit(2, 1, "b")], 24, id="a-stream-replaced-long-ago"),
        pytest.param([commit(1, 24 * 13, "a"), commit(2, 1, "b")], 24 * 13, id="a-stream-replaced-lately"),
        pytest.param([commit(1, 24 * 90, "a"), commit(2, 24 * 80)], 24 * 90, id="alone-and-silent-for-months"),
        pytest.param([commit(1, 50, "a"), commit(2, 51), commit(3, 1)], 51, id="a-clock-that-lagged"),
        pytest.param([fold(1, 99), fold(2, 90), commit(3, 1)], 90, id="the-newest-fold-however-old"),
        pytest.param([fold(1, 24 * 90), commit(2, 1, "a")], 24 * 90, id="a-fold-is-not-forgotten-like-a-query"),
    ],
)
def test_expiry_spares_the_last_epoch_of_every_query_and_the_positions_of_the_last_fold(snapshots, cutoff_hours_ago):
    assert expiry_cutoff(chain(*snapshots), NOW, KEEP) == NOW - timedelta(hours=cutoff_hours_ago)


def test_a_query_is_not_forgotten_before_its_topic_is():
    assert max(topic.retention for topic in TOPICS.values()) <= FORGOTTEN_AFTER


def test_the_newest_snapshots_stay_however_old_they_are():
    old = [commit(id_, 1000 - id_) for id_ in range(30)]
    assert expirable(chain(*old), NOW) == 30 - KEPT_SNAPSHOTS
    assert expirable(chain(*old), NOW - timedelta(days=100)) == 0
