"""The watch's task: green as soon as a reader moves, red with a reason, and no worker slot in between."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from airflow._shared.module_loading import import_string
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from soh.errors import ServerUnreachable
from soh.orchestration import reader_watch
from soh.orchestration.reader_watch import ReaderSensor, ReaderTrigger
from soh.specs import CONSUMER_GROUPS, STREAMS, ConsumerGroupSpec
from soh.specs.groups import SCORES_TO_TSDB
from soh.specs.topics import HEAT
from soh.streams import look
from soh.streams.verdict import Sample

NAME = "heat_to_lake"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event_of(trigger, monkeypatch, sample):
    """What the trigger fires when its looks, a minute apart, find what `sample` says."""
    start, minutes = datetime.now(tz=UTC), count()

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return start + timedelta(minutes=next(minutes))

    monkeypatch.setattr(reader_watch, "datetime", Clock)
    monkeypatch.setattr(ReaderTrigger, "look_every", timedelta(milliseconds=5))
    monkeypatch.setattr(ReaderTrigger, "_open", lambda self: sample)

    async def first():
        async for event in trigger.run():
            return event
        raise AssertionError("no event")

    return asyncio.run(asyncio.wait_for(first(), 10))


def reads(now):
    read = int(now.timestamp())
    return Sample(
        at=now, committed={0: read}, ends={0: read + 5}, beginnings={0: 0}, planned=read, committed_batch=read
    )


def idle(now):
    return Sample(at=now, committed=None, ends={0: 0}, beginnings={0: 0})


def stands(now):
    return Sample(at=now, committed={0: 10}, ends={0: 20}, beginnings={0: 0}, planned=1, committed_batch=1)


@pytest.mark.parametrize(("sample", "lag"), [(reads, 5), (idle, 0)], ids=["it-moves", "its-fleet-is-off"])
def test_green_ends_the_task_in_the_triggerer(monkeypatch, sample, lag):
    event = event_of(ReaderTrigger(stream=NAME), monkeypatch, sample)
    assert isinstance(event, TaskSuccessEvent)
    assert event.xcoms["return_value"]["reader"] == NAME
    assert event.xcoms["return_value"]["lag"] == lag


def test_red_comes_with_verdict_lag_and_reason(monkeypatch):
    event = event_of(ReaderTrigger(stream=NAME), monkeypatch, stands)
    assert type(event) is TriggerEvent
    assert event.payload["verdict"] in {"stall", "stop"}
    assert event.payload["lag"] == 10


def test_red_fails_the_task_with_a_sentence_and_no_retry(context):
    with DAG("watch", schedule=None):
        sensor = ReaderSensor(task_id="watch__x", stream=NAME)
    told = {"reader": NAME, "verdict": "stop", "lag": 10, "reason": "partition 0: 10 records unread"}
    with pytest.raises(AirflowFailException, match="heat_to_lake is stop, 10 records unread: partition 0"):
        sensor.red(context, event=told)
    assert context["ti"].xcoms["return_value"] == told


def test_a_server_that_does_not_answer_is_an_error_and_no_verdict(monkeypatch):
    def unreachable(now):
        raise ServerUnreachable("no NameNode")

    with pytest.raises(ServerUnreachable):
        event_of(ReaderTrigger(stream=NAME), monkeypatch, unreachable)


def test_the_task_starts_in_the_triggerer():
    with DAG("watch", schedule=None):
        sensor = ReaderSensor(task_id="watch__x", stream=NAME)
    started = sensor.start_trigger_args
    trigger = import_string(started.trigger_cls)(**started.trigger_kwargs)
    assert sensor.start_from_trigger
    assert (trigger.stream, trigger.group, trigger.topic) == (NAME, None, None)
    assert callable(getattr(sensor, started.next_method))
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({})
    assert deferred.value.trigger.serialize() == trigger.serialize()


def test_a_consumer_group_is_watched_by_its_declaration(monkeypatch):
    group = ConsumerGroupSpec(name="to_tsdb", description="", reads=(HEAT,), allowed_lag=100)
    monkeypatch.setitem(CONSUMER_GROUPS, group.name, group)
    event = event_of(ReaderTrigger(group="to_tsdb", topic="heat"), monkeypatch, stands)
    assert isinstance(event, TaskSuccessEvent)
    assert event.xcoms["return_value"]["reader"] == "to_tsdb on heat"


@pytest.mark.parametrize("topic", SCORES_TO_TSDB.reads, ids=lambda topic: topic.name)
def test_a_consumer_group_is_looked_at_on_the_topic_of_its_task(monkeypatch, topic):
    asked = []
    monkeypatch.setattr(reader_watch.connections, "kafka", lambda: "somewhere:1")
    monkeypatch.setattr(look, "sample_group", lambda *asks: asked.append(asks))
    with DAG("watch", schedule=None):
        sensor = ReaderSensor(task_id="watch__x", group=SCORES_TO_TSDB.name, topic=topic.name)
    started = sensor.start_trigger_args
    import_string(started.trigger_cls)(**started.trigger_kwargs)._open()(NOW)
    ((group, name, positions, now),) = asked
    assert (group, name, positions.bootstrap, now) == (SCORES_TO_TSDB.name, topic.name, "somewhere:1", NOW)


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_has_its_own_patience_and_more_of_it_before_its_first_commit(name):
    policy = ReaderTrigger(stream=name)._policy
    assert policy(stands(NOW)).stall_after == STREAMS[name].stall_after
    assert policy(idle(NOW)).stall_after == 3 * STREAMS[name].stall_after


@pytest.mark.parametrize(
    ("reader", "needed"),
    [
        ({"stream": NAME}, {"kafka_default", "webhdfs_default"}),
        ({"group": SCORES_TO_TSDB.name, "topic": SCORES_TO_TSDB.reads[0].name}, {"kafka_default"}),
    ],
    ids=["stream", "group"],
)
def test_a_watch_asks_airflow_for_the_connections_of_its_reader_alone(connections, monkeypatch, reader, needed):
    for name in connections.keys() - needed:
        monkeypatch.delenv(f"AIRFLOW_CONN_{name.upper()}")
    assert callable(ReaderTrigger(**reader)._open())
