from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from soh.streams.verdict import Sample, StallPolicy, Verdict, judge, keep

START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
POLICY = StallPolicy(stall_after=timedelta(seconds=60))


def look(
    second: float,
    committed: Sequence[int] | None,
    ends: Sequence[int],
    *,
    planned: int | None = None,
    done: int | None = None,
    planned_at: float | None = None,
    beginnings: Sequence[int] = (),
) -> Sample:
    """A look some seconds after START; offsets are listed by partition."""
    return Sample(
        at=START + timedelta(seconds=second),
        committed=None if committed is None else dict(enumerate(committed)),
        ends=dict(enumerate(ends)),
        beginnings=dict(enumerate(beginnings or [0] * len(ends))),
        planned=planned,
        planned_at=None if planned_at is None else START + timedelta(seconds=planned_at),
        committed_batch=done,
    )


def looks(times: Sequence[float], committed: Sequence[int] | None, ends: Sequence[int], **batches) -> list[Sample]:
    """The same picture at several times."""
    return [look(second, committed, ends, **batches) for second in times]


CASES = {
    # Nothing is wrong.
    "idle-for-half-an-hour": (looks([0, 900, 1800], [5], [5]), Verdict.OK),
    "empty-topic-before-a-first-commit": (looks([0, 300], None, [0, 0]), Verdict.OK),
    "moves-with-some-lag": ([look(0, [10], [20]), look(60, [30], [40]), look(120, [50], [60])], Verdict.OK),
    "one-look-at-unread-records": ([look(0, [10], [500])], Verdict.OK),
    "lag-within-the-allowance": (looks([0, 300], [10], [10]), Verdict.OK),
    "sparse-topic-record-came-before-the-last-look": (
        [look(0, [5], [5]), look(600, [5], [5]), look(1200, [5], [6])],
        Verdict.OK,
    ),
    "records-came-after-the-first-look-and-had-no-time": (
        [look(0, [5], [5]), look(50, [5], [9]), look(100, [5], [9])],
        Verdict.OK,
    ),
    "group-without-a-commit-where-no-record-came": (
        [look(0, [7], [7, 40]), look(90, [7], [7, 40])],
        Verdict.OK,
    ),
    "new-partition-that-is-still-empty": ([look(0, [5], [5]), look(90, [5], [5, 0])], Verdict.OK),
    # A batch takes its time.
    "batch-at-work-on-old-records": (
        looks([0, 30], [10], [90], planned=4, done=3, planned_at=0),
        Verdict.IN_BATCH,
    ),
    "big-batch-planned-late-in-the-window": (
        [
            look(0, [10], [90], planned=3, done=3),
            look(30, [10], [90], planned=4, done=3, planned_at=25),
            look(80, [10], [95], planned=4, done=3, planned_at=25),
        ],
        Verdict.IN_BATCH,
    ),
    "batch-of-before-the-window-is-given-the-window's-time": (
        looks([0, 50], [10], [90], planned=4, done=3, planned_at=-3600),
        Verdict.IN_BATCH,
    ),
    "batch-that-hangs": (looks([0, 30, 70], [10], [90], planned=4, done=3, planned_at=0), Verdict.STALL),
    "batch-that-hangs-with-a-clock-that-runs-ahead": (
        looks([0, 30, 70], [10], [90], planned=4, done=3, planned_at=7200),
        Verdict.STALL,
    ),
    "batch-that-hangs-while-records-come": (
        [look(s, [10], [90 + s], planned=4, done=3, planned_at=0) for s in (0, 20, 40, 60)],
        Verdict.STALL,
    ),
    # Nobody reads.
    "stream-without-a-planned-batch": (looks([0, 30, 60], [10], [90], planned=3, done=3), Verdict.STOP),
    "group-that-stands-still": (looks([0, 30, 60], [10, 10], [90, 10]), Verdict.STOP),
    "stopped-right-after-everything-was-read": (
        [look(0, [10], [10]), look(10, [10], [12]), look(40, [10], [15]), look(71, [10], [20])],
        Verdict.STOP,
    ),
    "stopped-after-it-moved": (
        [look(0, [10], [50]), look(10, [30], [50]), look(40, [30], [60]), look(71, [30], [70])],
        Verdict.STOP,
    ),
    # One partition of several.
    "one-stuck-partition-of-a-group": (
        [look(s, [10, 10 + s], [40, 10 + s]) for s in (0, 20, 40, 61)],
        Verdict.STALL,
    ),
    "one-stuck-partition-of-a-stream-that-goes-on": (
        [look(s, [10, 10 + s], [40, 99 + s], planned=s + 1, done=s, planned_at=s) for s in (0, 20, 40, 61)],
        Verdict.STALL,
    ),
    "new-partition-that-a-stream-never-reads": (
        [look(s, [10 + s], [10 + s, 5], planned=s, done=s) for s in (0, 20, 40, 61)],
        Verdict.STALL,
    ),
    "records-came-to-a-partition-without-a-commit-and-stay": (
        [look(0, [7], [7, 40]), look(20, [7], [7, 41]), look(81, [7], [7, 41])],
        Verdict.STOP,
    ),
    # Before a first commit.
    "app-just-started": (looks([0, 30], None, [90]), Verdict.WAITING),
    "app-just-started-with-a-first-batch": (looks([0, 30], None, [90], planned=0, planned_at=20), Verdict.WAITING),
    "app-that-never-commits": (looks([0, 30, 60], None, [90]), Verdict.STALL),
    "first-batch-planned-late": (
        [
            look(0, None, [90]),
            look(45, None, [90], planned=0, planned_at=40),
            look(80, None, [90], planned=0, planned_at=40),
        ],
        Verdict.WAITING,
    ),
    "first-batch-that-hangs": (looks([0, 30, 60], None, [90], planned=0, planned_at=0), Verdict.STALL),
    # The place is lost.
    "checkpoint-replaced-by-an-older-one": ([look(0, [50], [60]), look(10, [20], [60])], Verdict.REWIND),
    "went-back-and-has-not-come-up": (
        [look(0, [50], [60]), look(10, [20], [60]), look(20, [40], [60])],
        Verdict.REWIND,
    ),
    "went-back-and-came-up-again": ([look(0, [50], [60]), look(10, [20], [60]), look(20, [55], [60])], Verdict.OK),
    "checkpoint-deleted": ([look(0, [50], [60]), look(10, None, [60])], Verdict.GONE),
    "commit-of-one-partition-deleted": ([look(0, [50, 7], [50, 7]), look(10, [50], [50, 7])], Verdict.GONE),
    "topic-made-anew-and-shorter": ([look(0, [50], [60]), look(10, [50], [3])], Verdict.GONE),
    "topic-deleted": ([look(0, [50], [60]), look(10, [50], [])], Verdict.GONE),
    "topic-that-never-was": (looks([0], None, []), Verdict.GONE),
    "topic-with-fewer-partitions": ([look(0, [5, 5], [5, 5]), look(10, [5, 5], [5])], Verdict.GONE),
    "retention-overtook-the-reader": ([look(0, [50], [900], beginnings=[70])], Verdict.TRUNCATED),
    "retention-up-to-the-position-loses-nothing": ([look(0, [50], [50], beginnings=[50])], Verdict.OK),
    # Slower than the fleet.
    "lag-only-grows": ([look(s, [10 + s], [20 + 3 * s]) for s in (0, 20, 40, 60)], Verdict.WARN),
    "lag-only-grows-but-not-for-long": ([look(s, [10 + s], [20 + 3 * s]) for s in (0, 20, 40)], Verdict.OK),
    "lag-grew-from-nothing": (
        [look(0, [10], [10]), *(look(s, [10 + s], [10 + 2 * s]) for s in (20, 40, 60))],
        Verdict.OK,
    ),
    "lag-fell-once": (
        [look(0, [0], [10]), look(20, [5], [30]), look(40, [28], [31]), look(60, [29], [60])],
        Verdict.OK,
    ),
    "lag-stays-the-same": ([look(s, [10 + s], [20 + s]) for s in (0, 20, 40, 60)], Verdict.OK),
}


@pytest.mark.parametrize(("window", "expected"), CASES.values(), ids=CASES.keys())
def test_judge(window, expected):
    found = judge(window, POLICY)
    assert found.verdict is expected, found.reason


def test_red_are_exactly_the_verdicts_that_somebody_must_act_on():
    assert {verdict for verdict in Verdict if verdict.red} == {
        Verdict.STALL,
        Verdict.STOP,
        Verdict.REWIND,
        Verdict.TRUNCATED,
        Verdict.GONE,
    }


def test_a_lag_within_the_allowance_never_is_a_stall():
    window = looks([0, 300], [10], [15])
    assert judge(window, replace(POLICY, allowed_lag=5)).verdict is Verdict.OK
    assert judge(window, replace(POLICY, allowed_lag=4)).verdict is Verdict.STOP


def test_a_verdict_without_a_look_is_refused():
    with pytest.raises(ValueError, match="at least one look"):
        judge([], POLICY)


def test_the_worst_partition_decides_and_the_lag_is_that_of_all():
    window = [look(0, [10, 10, 90], [50, 500, 90]), look(61, [10, 10, 20], [50, 500, 90])]
    found = judge(window, POLICY)
    assert (found.verdict, found.partition, found.lag) == (Verdict.REWIND, 2, 40 + 490 + 70)


def test_among_equal_verdicts_the_partition_with_most_unread_records_is_named():
    found = judge(looks([0, 61], [10, 10], [50, 500]), POLICY)
    assert (found.verdict, found.partition) == (Verdict.STOP, 1)


SENTENCES = {
    "stall": (
        looks([0, 70], [10], [90], planned=4, done=3, planned_at=-5),
        ["partition 0", "80 records unread", "position 10", "since 2025-03-01 12:00:00 UTC", "batch 4", "11:59:55 UTC"],
    ),
    "stop": (
        looks([0, 70], [10, 3], [90, 3]),
        ["partition 0", "80 records unread", "since 2025-03-01 12:00:00 UTC", "does the reader run"],
    ),
    "stuck": (
        [look(s, [10, 10 + s], [40, 10 + s]) for s in (0, 61)],
        ["partition 0", "30 records unread", "since 2025-03-01 12:00:00 UTC", "other partitions are read"],
    ),
    "truncated": ([look(0, [50], [900], beginnings=[70])], ["partition 0", "20 records (50 to 69)", "retention"]),
    "rewind": ([look(0, [50], [60]), look(9, [20], [60])], ["partition 0", "from 50 to 20"]),
    "made-anew": ([look(0, [50], [3])], ["partition 0", "50", "ends at 3", "made anew"]),
    "vanished": ([look(0, [50], [60]), look(9, None, [60])], ["2025-03-01 12:00:00 UTC", "checkpoint"]),
    "waiting": (looks([0, 9], None, [60]), ["partition 0", "60 records unread", "nothing committed yet"]),
    "warn": (
        [look(s, [10 + s], [20 + 3 * s]) for s in (0, 20, 40, 60)],
        ["partition 0", "130 records unread", "since 2025-03-01 12:00:00 UTC"],
    ),
    "read": (looks([0], [5], [5]), ["everything is read"]),
    "behind": (looks([0], [5], [8]), ["3 records unread"]),
}


@pytest.mark.parametrize(("window", "words"), SENTENCES.values(), ids=SENTENCES.keys())
def test_the_reason_tells_which_partition_how_many_records_and_since_when(window, words):
    reason = judge(window, POLICY).reason
    assert [word for word in words if word not in reason] == [], reason


def test_the_window_is_kept_for_as_long_as_any_rule_needs_it():
    window: tuple[Sample, ...] = ()
    for second in range(0, 600, 10):
        window = keep(window, look(second, [5], [5]), POLICY)
    assert [(sample.at - START).total_seconds() for sample in window] == list(range(470, 600, 10))
