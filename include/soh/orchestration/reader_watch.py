"""One task per reader of Kafka, red when it has unread records and does not move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TaskSuccessEvent, TriggerEvent

from soh.hdfs import Hdfs
from soh.kafka.positions import Positions
from soh.orchestration import connections
from soh.specs import CONSUMER_GROUPS, STREAMS, TOPICS
from soh.streams import look
from soh.streams.verdict import Judgement, Sample, StallPolicy, judge, keep
from soh.streams.watch import settled, stall_policy

Look = Callable[[datetime], Sample]


class ReaderTrigger(BaseTrigger):
    """Looks at a stream or a consumer group until it is seen to move, or proven to stand still.

    Green ends the task from here, without a worker slot at any time; red goes through a worker, so that
    the reason is the task's error and no retry asks again. A server that does not answer is an error of
    the trigger, which the task's retries serve.
    """

    look_every = timedelta(seconds=5)

    def __init__(self, *, stream: str | None = None, group: str | None = None, topic: str | None = None) -> None:
        """Give a declared stream, or a declared consumer group and one of its topics."""
        super().__init__()
        self.stream = stream
        self.group = group
        self.topic = topic

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kind = type(self)
        reader = {"stream": self.stream, "group": self.group, "topic": self.topic}
        return f"{kind.__module__}.{kind.__qualname__}", reader

    async def run(self) -> AsyncIterator[TriggerEvent]:
        look_at = await asyncio.to_thread(self._open)
        window: tuple[Sample, ...] = ()
        while True:
            sample = await asyncio.to_thread(look_at, datetime.now(tz=UTC))
            policy = self._policy(sample)
            window = keep(window, sample, policy)
            judgement = judge(window, policy)
            watched = window[-1].at - window[0].at
            if judgement.verdict.red or settled(window) or watched > policy.stall_after + self.look_every:
                break
            await asyncio.sleep(self.look_every.total_seconds())
        yield self._end(judgement)

    def _end(self, judgement: Judgement) -> TriggerEvent:
        told = {
            "reader": self.stream or f"{self.group} on {self.topic}",
            "verdict": judgement.verdict.value,
            "lag": judgement.lag,
            "reason": judgement.reason,
        }
        if judgement.verdict.red:
            return TriggerEvent(told)
        self.log.info(_sentence(told))
        return TaskSuccessEvent(xcoms={"return_value": told})

    def _open(self) -> Look:
        # A dozen of these begin at once, every two minutes: each asks Airflow for what it needs, no more.
        positions = Positions(connections.kafka())
        if self.stream:
            spec, hdfs = STREAMS[self.stream], Hdfs(*connections.webhdfs())
            return lambda now: look.sample(spec, hdfs, positions, now)
        group, topic = CONSUMER_GROUPS[self.group or ""].name, TOPICS[self.topic or ""].name
        return lambda now: look.sample_group(group, topic, positions, now)

    def _policy(self, sample: Sample) -> StallPolicy:
        if self.stream:
            return stall_policy(sample, STREAMS[self.stream].stall_after)
        group = CONSUMER_GROUPS[self.group or ""]
        return StallPolicy(stall_after=group.stall_after, allowed_lag=group.allowed_lag)


class ReaderSensor(BaseOperator):
    """Watch one declared stream, or a consumer group on one of its topics; starts and ends in the triggerer."""

    start_from_trigger = True

    def __init__(
        self, *, stream: str | None = None, group: str | None = None, topic: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.reader = {"stream": stream, "group": group, "topic": topic}
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{ReaderTrigger.__module__}.{ReaderTrigger.__qualname__}",
            trigger_kwargs=dict(self.reader),
            next_method="red",
        )

    def execute(self, context: Context) -> NoReturn:  # noqa: ARG002
        """Only `dag.test()` comes here; everywhere else the trigger starts by itself."""
        self.defer(trigger=ReaderTrigger(**self.reader), method_name="red")

    def red(self, context: Context, event: dict[str, Any]) -> NoReturn:
        """Fail with the verdict's reason."""
        context["ti"].xcom_push(key="return_value", value=event)
        raise AirflowFailException(_sentence(event))


def _sentence(told: dict[str, Any]) -> str:
    return f"{told['reader']} is {told['verdict']}, {told['lag']} records unread: {told['reason']}"
