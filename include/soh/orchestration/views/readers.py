"""Readers of Kafka, judged while somebody looks at them: streams and consumer groups by the rules of the watch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from soh.streams.verdict import Judgement, Sample, judge, keep
from soh.streams.watch import stall_policy

Look = Callable[[datetime], Sample]
Arrived = Callable[[datetime], Mapping[int, int | None]]
"""First offset of each partition that arrived at a time or later; None where nothing did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderLook:
    """What is known of a reader on one topic."""

    topic: str
    judgement: Judgement
    committed_at: datetime | None
    """None for a consumer group, and before a stream's first commit."""


class Reader:
    """One reader on one topic, with the looks of the last minutes, which a verdict needs."""

    def __init__(self, topic: str, stall_after: timedelta, allowed_lag: int, look: Look, arrived: Arrived) -> None:
        self._topic = topic
        self._stall_after = stall_after
        self._allowed_lag = allowed_lag
        self._look = look
        self._arrived = arrived
        self._window: tuple[Sample, ...] = ()

    def look(self, now: datetime) -> ReaderLook:
        """Look once, and judge by this look and those before. Raises what the look raises."""
        sample = self._look(now)
        policy = stall_policy(sample, self._stall_after, self._allowed_lag)
        window = keep(self._window, sample, policy)
        if len(window) == 1 and idle_since(sample, then := now - policy.stall_after):
            window = (as_it_was(sample, then, self._arrived(then)), *window)
        self._window = window
        return ReaderLook(topic=self._topic, judgement=judge(window, policy), committed_at=sample.committed_at)


def idle_since(sample: Sample, then: datetime) -> bool:
    """Tell whether a stream is known to have committed nothing since `then`."""
    return sample.committed_at is not None and sample.committed_at <= then


def as_it_was(sample: Sample, then: datetime, arrived: Mapping[int, int | None]) -> Sample:
    """The look that somebody would have had at `then` at a reader that has committed nothing since.

    Without it, whoever opens the page would have to wait for `stall_after` to be told of a stall that
    is hours old.
    """
    ends = {
        partition: end if (first := arrived.get(partition)) is None else first for partition, end in sample.ends.items()
    }
    if sample.planned_at is not None and sample.planned_at > then:
        sample = replace(sample, planned=sample.committed_batch, planned_at=sample.committed_at)
    return replace(sample, at=then, ends=ends)
