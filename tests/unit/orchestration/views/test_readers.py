from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from soh.orchestration.views.readers import Reader, as_it_was
from soh.streams.verdict import Sample, Verdict

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def sample(committed=400, end=600, committed_ago=20 * MINUTE, planned_ago=None, at=NOW):
    planned_at = None if planned_ago is None else at - planned_ago
    return Sample(
        at=at,
        committed={0: committed},
        ends={0: end},
        beginnings={0: 0},
        planned=7 if planned_ago is None else 8,
        planned_at=planned_at,
        committed_batch=7,
        committed_at=at - committed_ago,
    )


def reader(found, arrived):
    return Reader("heat", MINUTE, 0, look=lambda _: found, arrived=lambda _: arrived)


@pytest.mark.parametrize(
    ("found", "arrived", "expected"),
    [
        pytest.param(sample(), {0: 590}, Verdict.STOP, id="old-records-wait-and-nothing-is-planned"),
        pytest.param(sample(), {0: None}, Verdict.STOP, id="nothing-arrived-since"),
        pytest.param(sample(planned_ago=19 * MINUTE), {0: 590}, Verdict.STALL, id="a-batch-hangs"),
        pytest.param(sample(planned_ago=timedelta(seconds=5)), {0: 590}, Verdict.IN_BATCH, id="a-batch-has-just-begun"),
        pytest.param(sample(), {0: 400}, Verdict.OK, id="only-new-records-wait"),
        pytest.param(sample(committed=600), {0: 590}, Verdict.OK, id="everything-is-read"),
        pytest.param(sample(committed_ago=timedelta(seconds=5)), {0: 590}, Verdict.OK, id="committed-just-now"),
    ],
)
def test_the_first_look_tells_a_stall_that_is_older_than_the_look(found, arrived, expected):
    assert reader(found, arrived).look(NOW).judgement.verdict is expected


def test_later_looks_are_judged_together_and_the_broker_is_not_asked_for_times():
    looks = iter([sample(committed_ago=timedelta(seconds=5)), *(sample(at=NOW + n * MINUTE) for n in (1, 2))])

    def arrived(_):
        raise AssertionError("asked")

    watched = Reader("heat", MINUTE, 0, look=lambda _: next(looks), arrived=arrived)
    assert [watched.look(NOW).judgement.verdict for _ in range(3)][-1] is Verdict.STOP


def test_a_batch_planned_since_was_not_there_then():
    then = as_it_was(sample(planned_ago=timedelta(seconds=5)), NOW - MINUTE, {0: 590})
    assert (then.at, then.planned, then.in_flight, then.ends) == (NOW - MINUTE, 7, False, {0: 590})
