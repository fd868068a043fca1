"""Watching an app from the triggerer: what is an end, what is not, and what a kill does."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from airflow._shared.module_loading import import_string
from airflow.sdk.serde import deserialize, serialize

from soh.orchestration import app_triggers
from soh.orchestration import connections as of_airflow
from soh.orchestration.app_triggers import SETTLE, AppTrigger, StreamAppTrigger
from soh.streams.verdict import Sample

APP = "application_1_1"
TICK = timedelta(milliseconds=20)


@pytest.fixture
def endpoints(connections):
    return asdict(of_airflow.endpoints())


@pytest.fixture
def trigger(endpoints, monkeypatch):
    return quick(AppTrigger(app_id=APP, endpoints=endpoints), monkeypatch)


@pytest.fixture
def stream_trigger(endpoints, monkeypatch):
    return quick(StreamAppTrigger(app="lake", app_id=APP, endpoints=endpoints), monkeypatch)


def quick(trigger, monkeypatch):
    monkeypatch.setattr(app_triggers, "SETTLE", TICK)
    monkeypatch.setattr(type(trigger), "poll", TICK)
    return trigger


async def first_event(trigger):
    async for event in trigger.run():
        return event.payload
    raise AssertionError("no event")


def fires(trigger, *, within=5.0, meanwhile=lambda: None):
    """The payload of its event; None when there is none in time."""

    async def run():
        task = asyncio.create_task(first_event(trigger))
        await asyncio.sleep(0.2)
        meanwhile()
        try:
            return await asyncio.wait_for(task, within)
        except TimeoutError:
            return None

    return asyncio.run(run())


def silent(trigger, **given):
    return fires(trigger, within=0.3, **given) is None


@pytest.mark.parametrize("state", ["FINISHED", "FAILED", "KILLED"])
def test_an_end_fires_once_with_no_reason_of_its_own(yarn, trigger, state):
    yarn.add(APP)
    assert fires(trigger, meanwhile=lambda: yarn.end(APP, state, state)) == {"app_id": APP, "reason": ""}


@pytest.mark.parametrize("state", ["SUBMITTED", "ACCEPTED", "RUNNING"])
def test_a_living_app_fires_nothing(yarn, trigger, state):
    yarn.add(APP, state)
    assert silent(trigger)


def test_an_unreachable_resource_manager_is_not_an_end(yarn, trigger):
    yarn.add(APP)
    yarn.down = True
    assert silent(trigger)


def test_back_from_its_own_restart_it_says_accepted_and_that_is_not_an_end(yarn, trigger):
    yarn.add(APP)

    def restart():
        yarn.down = True
        yarn.apps[APP]["state"] = "ACCEPTED"
        yarn.down = False

    assert silent(trigger, meanwhile=restart)


def test_an_app_unknown_for_a_moment_is_not_an_end(yarn, trigger):
    assert silent(trigger, meanwhile=lambda: yarn.add(APP))


def test_an_app_that_stays_unknown_is_forgotten(yarn, trigger, monkeypatch):
    monkeypatch.setattr(app_triggers, "UNKNOWN_FOR", TICK)
    assert "forgotten application_1_1" in fires(trigger)["reason"]


def test_the_first_event_waits_until_the_worker_has_reported_the_deferral(yarn, trigger, monkeypatch):
    assert timedelta(seconds=5) == SETTLE
    monkeypatch.setattr(app_triggers, "SETTLE", timedelta(seconds=0.5))
    yarn.add(APP, "FAILED")
    begun = time.monotonic()
    assert fires(trigger)
    assert time.monotonic() - begun >= 0.5


def test_the_loop_of_the_triggerer_is_not_blocked_by_a_slow_resource_manager(yarn, trigger, monkeypatch):
    yarn.add(APP)
    monkeypatch.setattr(yarn, "get", lambda path: time.sleep(0.5) or (503, {}))

    async def longest_pause():
        task, longest, last = asyncio.create_task(first_event(trigger)), 0.0, time.monotonic()
        while last < begun + 0.8:
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        task.cancel()
        return longest

    begun = time.monotonic()
    assert asyncio.run(longest_pause()) < 0.3


def test_a_kill_is_one_put_that_outlives_the_cancellation_and_waits_for_nothing(yarn, trigger):
    yarn.add(APP)
    yarn.dies_after = 1000
    put = yarn.put
    yarn.put = lambda path: time.sleep(0.3) or put(path)

    async def cut_off():
        task = asyncio.create_task(trigger.on_kill())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.6)

    asyncio.run(cut_off())
    assert yarn.killed == [APP]
    assert yarn.requests == []


@pytest.mark.parametrize("make", ["trigger", "stream_trigger"])
def test_a_trigger_survives_the_way_through_the_database(make, request):
    trigger = request.getfixturevalue(make)
    path, arguments = trigger.serialize()
    copy = import_string(path)(**deserialize(serialize(arguments)))
    assert type(copy) is type(trigger)
    assert copy.serialize() == trigger.serialize()


def watching(trigger, monkeypatch, sample):
    monkeypatch.setattr(type(trigger), "look_every", TICK)
    monkeypatch.setattr(app_triggers, "_sampler", lambda endpoints: sample)
    return trigger


def hours_pass(monkeypatch):
    """Every look at the clock is a minute after the one before."""
    start, looks = datetime.now(tz=UTC), iter(range(10_000))

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return start + timedelta(minutes=next(looks))

    monkeypatch.setattr(app_triggers, "datetime", Clock)


def standing(stream, now):
    return Sample(at=now, committed={0: 10}, ends={0: 20}, beginnings={0: 0}, planned=1, committed_batch=1)


def moving(stream, now):
    read = int(now.timestamp())
    return Sample(at=now, committed={0: read}, ends={0: read}, beginnings={0: 0}, planned=read, committed_batch=read)


def test_a_stream_that_stands_still_too_long_fires_with_its_verdict(yarn, stream_trigger, monkeypatch):
    hours_pass(monkeypatch)
    yarn.add(APP)
    reason = fires(watching(stream_trigger, monkeypatch, standing))["reason"]
    assert APP in reason
    assert "heat_to_lake: st" in reason
    assert "10 unread" in reason


def test_streams_that_move_fire_nothing_and_are_told_in_the_log(yarn, stream_trigger, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    told = []
    monkeypatch.setattr(stream_trigger.log, "info", lambda text, *values: told.append(text % values))
    hours_pass(monkeypatch)
    yarn.add(APP)
    assert silent(watching(stream_trigger, monkeypatch, moving))
    assert "heat_to_lake: ok, 0 unread" in told[0]


def test_streams_of_an_app_that_waits_for_memory_are_not_judged(yarn, stream_trigger, monkeypatch):
    hours_pass(monkeypatch)
    yarn.add(APP, "ACCEPTED")
    assert silent(watching(stream_trigger, monkeypatch, standing))
