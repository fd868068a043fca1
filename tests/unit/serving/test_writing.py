"""Which points were written, which refused and why, when the database tells only how many it dropped."""

from __future__ import annotations

from random import Random

import pytest

from soh.serving.points import Point
from soh.serving.records import Origin
from soh.serving.writing import Refusal, deliver, refusal_of

OLD = '{"error":"partial write: points beyond retention policy dropped=3"}'
CONFLICT = '{"error":"partial write: field type conflict: input field \\"pf\\" is type integer dropped=1"}'


def points(*times):
    return [Point(origin=Origin("heat_pf", 0, number), time=time, line="") for number, time in enumerate(times)]


class Database:
    """Answers like InfluxDB 1.x: a conflict hides what else was dropped, and no answer names a point."""

    def __init__(self, *, border=0, conflicting=(), unparsable=()):
        self.border, self.conflicting, self.unparsable = border, set(conflicting), set(unparsable)
        self.taken: set[int] = set()
        self.writes = 0

    def __call__(self, asked):
        self.writes += 1
        parsed = [point for point in asked if point.origin.offset not in self.unparsable]
        young = [point for point in parsed if point.time >= self.border]
        good = [point for point in young if point.origin.offset not in self.conflicting]
        self.taken |= {point.origin.offset for point in good}
        if len(good) < len(young):
            return Refusal(reason="field type conflict", dropped=len(young) - len(good))
        if len(young) < len(parsed):
            return Refusal(reason="too old", beyond_retention=True, dropped=len(parsed) - len(young))
        if len(parsed) < len(asked):
            return Refusal(reason="unable to parse")
        return None


CASES = {
    "all-taken": (Database(), set(), set()),
    "the-oldest-are-expired": (Database(border=40), set(range(40)), set()),
    "all-expired": (Database(border=1_000), set(range(100)), set()),
    "one-conflicts": (Database(conflicting=[17]), set(), {17}),
    "all-conflict": (Database(conflicting=range(100)), set(), set(range(100))),
    "one-cannot-be-parsed": (Database(unparsable=[99]), set(), {99}),
    "of-everything": (
        Database(border=10, conflicting=[0, 50, 51], unparsable=[3, 60]),
        set(range(10)),
        {50, 51, 60},
    ),
}


@pytest.mark.parametrize(("database", "too_old", "refused"), CASES.values(), ids=CASES)
def test_every_point_is_written_or_expired_or_refused(database, too_old, refused):
    asked = points(*range(100))
    Random(1).shuffle(asked)
    outcome = deliver(asked, database)
    assert {point.origin.offset for point in outcome.expired} == too_old
    assert {point.origin.offset for point, _ in outcome.refused} == refused
    written = [point.origin.offset for point in outcome.written]
    assert sorted(written) == sorted(set(range(100)) - too_old - refused)
    assert set(written) == database.taken


def test_a_refused_point_keeps_its_reason():
    outcome = deliver(points(*range(8)), Database(conflicting=[5], unparsable=[2]))
    assert {point.origin.offset: reason for point, reason in outcome.refused} == {
        5: "field type conflict",
        2: "unable to parse",
    }


def test_a_batch_that_is_taken_costs_one_write_and_one_refusal_a_few_more():
    database = Database()
    deliver(points(*range(5_000)), database)
    assert database.writes == 1
    database = Database(conflicting=[2_345])
    deliver(points(*range(5_000)), database)
    assert database.writes <= 27


def test_a_batch_that_is_refused_as_a_whole_is_not_taken_apart():
    database = Database(conflicting=range(5_000))
    deliver(points(*range(5_000)), database)
    assert database.writes == 1


def test_nothing_to_write_is_no_write():
    database = Database()
    assert deliver([], database).written == ()
    assert database.writes == 0


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        pytest.param(400, OLD, Refusal(reason=OLD, beyond_retention=True, dropped=3), id="too-old"),
        pytest.param(400, CONFLICT, Refusal(reason=CONFLICT, dropped=1), id="conflict"),
        pytest.param(400, "unable to parse 'x'", Refusal(reason="unable to parse 'x'"), id="unparsable"),
        pytest.param(413, "too large", Refusal(reason="too large"), id="too-much-at-once"),
        pytest.param(400, "database is required", None, id="not-about-the-points"),
        pytest.param(401, "authorization failed", None, id="wrong-password"),
        pytest.param(404, 'database not found: "soh"', None, id="no-database"),
        pytest.param(None, "odd", None, id="no-code"),
    ],
)
def test_only_an_answer_about_the_points_skips_points(code, text, expected):
    assert refusal_of(code, text) == expected
