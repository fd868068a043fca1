"""When a stream is hopeless, and when a look is enough for green."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from soh.errors import ServerUnreachable
from soh.specs.groups import SCORES_TO_S3
from soh.specs.streams import HEAT_TO_LAKE, HYDRAULIC_TO_LAKE
from soh.streams.verdict import Sample, StallPolicy, Verdict, judge, keep
from soh.streams.watch import LONG_PATIENCE, PATIENCE, StreamWatch, settled

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=15)


def sample(at, committed, ends, *, planned=1, batch=1, planned_at=START):
    return Sample(
        at=at,
        committed=committed,
        ends=ends,
        beginnings=dict.fromkeys(ends, 0),
        planned=planned,
        planned_at=planned_at,
        committed_batch=batch,
    )


def standing(stream, now):
    """Reads for half a minute, then stands."""
    read = min(int((now - START).total_seconds()), 30)
    return sample(now, {0: read}, {0: 1000}, batch=read, planned=read)


def hangs(stream, now):
    """Reads for half a minute, then hangs in a batch."""
    read = min(int((now - START).total_seconds()), 30)
    begun = START + timedelta(seconds=30)
    return sample(now, {0: read}, {0: 1000}, batch=read, planned=read + 1, planned_at=min(begun, now))


def never_begins(stream, now):
    return sample(now, None, {0: 1000}, planned=None, batch=None, planned_at=None)


def moving(stream, now):
    read = int((now - START).total_seconds())
    return sample(now, {0: read}, {0: read + 5}, batch=read, planned=read)


def watch_for(sample_of, span, *streams, earlier=()):
    """All findings of a watch that looks every 15 s."""
    watch = StreamWatch(streams or (HEAT_TO_LAKE,), sample_of, earlier)
    return [watch.look(START + number * EVERY) for number in range(int(span / EVERY) + 1)]


def given_up_after(sample_of, earlier=()):
    """How long the stream stood still when it was given up."""
    looks = watch_for(sample_of, timedelta(hours=3), earlier=earlier)
    return next(look[0].standing for look in looks if look[0].hopeless)


@pytest.mark.parametrize(
    ("sample_of", "times"),
    [
        pytest.param(standing, PATIENCE, id="it-moved-and-stands"),
        pytest.param(hangs, LONG_PATIENCE, id="a-batch-at-work-may-finish"),
        pytest.param(never_begins, LONG_PATIENCE, id="a-driver-that-has-not-moved-yet-may-be-starting"),
    ],
)
def test_a_stream_that_stands_still_for_so_many_times_its_stall_is_hopeless(sample_of, times):
    limit = times * HEAT_TO_LAKE.stall_after
    assert limit < given_up_after(sample_of) <= limit + 2 * EVERY


def test_each_driver_that_has_tried_the_same_batch_doubles_the_time_for_it():
    before, after = START - timedelta(hours=1), START + timedelta(seconds=31)
    limit = LONG_PATIENCE * HEAT_TO_LAKE.stall_after
    assert given_up_after(hangs, earlier=[before, after]) > 2 * limit
    assert given_up_after(hangs, earlier=[before, before]) < 2 * limit
    assert given_up_after(hangs, earlier=[after, after]) > 4 * limit


def test_the_reason_names_the_stream_its_verdict_and_its_lag():
    finding = next(look[0] for look in watch_for(standing, timedelta(hours=1)) if look[0].hopeless)
    assert finding.judgement.verdict in {Verdict.STALL, Verdict.STOP}
    assert str(finding).startswith("heat_to_lake: st")
    assert "970 unread" in str(finding)


def test_a_stream_that_moves_is_never_hopeless():
    assert not any(look[0].hopeless for look in watch_for(moving, timedelta(hours=1)))


def test_one_look_that_finds_it_moving_forgives_the_time_before():
    def mostly_standing(stream, now):
        minutes = int((now - START) / timedelta(minutes=3))
        return sample(now, {0: minutes}, {0: 1000}, batch=minutes, planned=minutes)

    assert not any(look[0].hopeless for look in watch_for(mostly_standing, timedelta(hours=1)))


def test_slow_batches_that_end_are_not_a_stall():
    def slow(stream, now):
        done = int((now - START) / timedelta(seconds=55))
        begun = START + done * timedelta(seconds=55)
        return sample(now, {0: 10 * done}, {0: 1000}, planned=done + 1, batch=done, planned_at=begun)

    assert not any(look[0].hopeless for look in watch_for(slow, timedelta(hours=1)))


def test_what_no_restart_cures_is_not_hopeless():
    def truncated(stream, now):
        return Sample(at=now, committed={0: 10}, ends={0: 90}, beginnings={0: 50}, planned=1, committed_batch=1)

    findings = [look[0] for look in watch_for(truncated, timedelta(hours=1))]
    assert findings[-1].judgement.verdict is Verdict.TRUNCATED
    assert not any(finding.hopeless for finding in findings)


def test_a_server_that_does_not_answer_makes_a_stream_unseen_and_its_clock_begin_anew():
    def gap(stream, now):
        if START + timedelta(minutes=3) <= now <= START + timedelta(minutes=3, seconds=30):
            raise ServerUnreachable("no NameNode")
        return standing(stream, now)

    findings = [look[0] for look in watch_for(gap, timedelta(minutes=6))]
    unseen = [finding for finding in findings if finding.judgement is None]
    assert len(unseen) == 3
    assert "no NameNode" in str(unseen[0])
    assert not any(finding.hopeless for finding in findings)


def test_streams_are_judged_apart():
    def one_stands(stream, now):
        return standing(stream, now) if stream is HYDRAULIC_TO_LAKE else moving(stream, now)

    last = watch_for(one_stands, timedelta(minutes=6), HEAT_TO_LAKE, HYDRAULIC_TO_LAKE)[-1]
    assert [finding.hopeless for finding in last] == [False, True]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param(({0: 5}, {0: 5}), ({0: 5}, {0: 5}), True, id="nothing-to-read"),
        pytest.param((None, {0: 0}), (None, {0: 0}), True, id="fleet-is-off"),
        pytest.param((None, {0: 5}), (None, {0: 5}), False, id="never-committed-and-records-wait"),
        pytest.param(({0: 3}, {0: 5}), ({0: 3}, {0: 9}), False, id="no-move-seen"),
        pytest.param(({0: 3}, {0: 5}), ({0: 5}, {0: 9}), True, id="moved-on"),
        pytest.param(({0: 3, 1: 3}, {0: 5, 1: 5}), ({0: 5, 1: 3}, {0: 9, 1: 9}), False, id="one-partition-stands"),
        pytest.param(
            ({0: 5, 1: 3}, {0: 5, 1: 5}), ({0: 5, 1: 5}, {0: 9, 1: 9}), True, id="only-waiting-ones-must-move"
        ),
        pytest.param(({0: 5}, {0: 5}), ({0: 5}, {0: 9}), False, id="records-came-just-now"),
        pytest.param((None, {0: 5}), ({0: 2}, {0: 9}), True, id="first-commit-seen"),
    ],
)
def test_settled(first, last, expected):
    window = [sample(START, *first), sample(START + EVERY, *last)]
    assert settled(window) is expected


def watched_group(stopped_at, last_look):
    """Verdicts on the group that lands grades: a record a second in each partition, and a commit once a minute."""
    policy = StallPolicy(stall_after=SCORES_TO_S3.stall_after, allowed_lag=SCORES_TO_S3.allowed_lag)
    window: tuple[Sample, ...] = ()
    for second in range(600, last_look, 5):
        minutes = {partition: (min(second, stopped_at) - 20 * partition) // 60 for partition in range(3)}
        committed = {partition: 60 * minute + 20 * partition for partition, minute in minutes.items()}
        now = START + timedelta(seconds=second)
        look = Sample(
            at=now, committed=committed, ends=dict.fromkeys(range(3), second), beginnings=dict.fromkeys(range(3), 0)
        )
        window = keep(window, look, policy)
        yield second, judge(window, policy).verdict, settled(window)


def test_a_group_that_commits_once_a_minute_is_never_red_and_settled_a_minute_after_the_first_look():
    found = list(watched_group(stopped_at=3_600, last_look=3_600))
    assert {verdict for _, verdict, _ in found} == {Verdict.OK}
    assert next(second for second, _, moved in found if moved) <= 600 + 65


def test_a_group_that_commits_once_a_minute_and_stops_is_red_when_its_patience_is_over():
    found = list(watched_group(stopped_at=1_200, last_look=3_600))
    patience = SCORES_TO_S3.stall_after.total_seconds()
    red = next(second for second, verdict, _ in found if verdict.red)
    assert 1_200 + patience - 60 <= red <= 1_200 + patience + 60
