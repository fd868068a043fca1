"""Which day a night is about, and the wait for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from soh.errors import BadInput, ServerUnreachable
from soh.orchestration import day as night
from soh.orchestration.day import DayClosedSensor, DayClosedTrigger, chosen_day
from soh.specs.fleets import HEAT
from soh.streams.day import DayState

NOON = datetime(2026, 1, 15, 3, tzinfo=UTC)  # 12:00 in Seoul
OPEN = DayState(closed=False, blocking=((1, 7),), reason="heat_to_lake: partition 1 by 7 records")
CLOSED = DayState(closed=True, blocking=(), reason="heat_to_lake: closed")


@pytest.mark.parametrize(
    ("wish", "interval_start", "now", "expected"),
    [
        pytest.param("2026-01-03", None, NOON, date(2026, 1, 3), id="the-day-wished-for"),
        pytest.param("2026-01-15", None, NOON, date(2026, 1, 15), id="today-if-asked"),
        pytest.param(None, None, NOON, date(2026, 1, 14), id="by-hand-yesterday"),
        pytest.param("", None, NOON, date(2026, 1, 14), id="empty-is-not-a-day"),
        pytest.param(None, None, datetime(2026, 1, 15, 16, tzinfo=UTC), date(2026, 1, 15), id="yesterday-is-seoul-s"),
        pytest.param(
            None, datetime(2026, 1, 13, 15, 30, tzinfo=UTC), NOON, date(2026, 1, 14), id="the-night-s-own-interval"
        ),
        pytest.param(
            "2026-01-03", datetime(2026, 1, 13, 15, 30, tzinfo=UTC), NOON, date(2026, 1, 3), id="a-wish-goes-first"
        ),
    ],
)
def test_chosen_day(wish, interval_start, now, expected):
    assert chosen_day(wish, interval_start, now) == expected


@pytest.mark.parametrize("wish", ["yesterday", "2026-02-30", "2026-01-16"])
def test_a_day_that_is_none_or_has_not_begun_is_refused(wish):
    with pytest.raises(BadInput, match=wish):
        chosen_day(wish, None, NOON)


@pytest.fixture
def looks(monkeypatch, connections):
    """What the looks find, in turn; the last one again and again."""
    found = []

    def look(fleet, day, endpoints):
        assert (fleet, day) == ("heat", "2026-01-14")
        state = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(state, Exception):
            raise state
        return state

    monkeypatch.setattr(night, "_look", look)
    return found


def sensor(only_closed=True):
    with DAG("night", schedule=None):
        return DayClosedSensor(task_id="wait_for_x", fleet=HEAT, day="2026-01-14", only_closed=only_closed)


def test_a_closed_day_needs_no_waiting(looks):
    looks.append(CLOSED)
    assert sensor().execute({}) == CLOSED.reason


def test_an_open_day_is_waited_for_in_the_triggerer(looks):
    looks.append(OPEN)
    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute({})
    assert isinstance(deferred.value.trigger, DayClosedTrigger)
    assert deferred.value.trigger.day == "2026-01-14"


def test_an_open_day_is_taken_as_it_is_when_asked_and_says_what_is_missing(looks):
    looks.append(OPEN)
    assert sensor(only_closed=False).execute({}) == OPEN.reason


def test_the_wait_ends_in_green_or_with_the_name_of_what_blocks():
    assert sensor().resume({}, {"closed": True, "reason": "all there"}) == "all there"
    with pytest.raises(AirflowFailException, match="heat_to_lake: partition 1 by 7"):
        sensor().resume({}, {"closed": False, "reason": OPEN.reason})


def event_of(give_up_in, monkeypatch):
    monkeypatch.setattr(night, "SETTLE", timedelta())
    monkeypatch.setattr(DayClosedTrigger, "look_every", timedelta(milliseconds=5))
    give_up_at = (datetime.now(tz=UTC) + give_up_in).isoformat()
    trigger = DayClosedTrigger(fleet="heat", day="2026-01-14", endpoints={}, give_up_at=give_up_at)
    copy = DayClosedTrigger(**trigger.serialize()[1])
    monkeypatch.setattr(night, "Endpoints", dict)

    async def first():
        async for event in copy.run():
            return event.payload
        raise AssertionError("no event")

    return asyncio.run(asyncio.wait_for(first(), 10))


def test_the_trigger_looks_until_the_day_is_closed_whatever_is_down_meanwhile(looks, monkeypatch):
    looks += [OPEN, ServerUnreachable("no broker"), CLOSED]
    assert event_of(timedelta(hours=1), monkeypatch) == {"closed": True, "reason": CLOSED.reason}


def test_the_trigger_gives_up_in_time(looks, monkeypatch):
    looks.append(OPEN)
    assert event_of(timedelta(), monkeypatch) == {"closed": False, "reason": OPEN.reason}
