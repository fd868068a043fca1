"""Whole histories of simulated readers: a healthy one is never red, one that stops is red in time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from soh.streams.verdict import Judgement, Sample, StallPolicy, Verdict, judge, keep

START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
POLICY = StallPolicy(stall_after=timedelta(seconds=60))
HALF_AN_HOUR = 1800
NEVER = range(0)


class Stream:
    """A micro-batch stream of one topic, second by second; planned and committed as Spark does it."""

    def __init__(
        self,
        arriving: Callable[[int], int],
        *,
        trigger: int = 10,
        batch_takes: Callable[[int], int] = lambda records: 1 + records // 500,
        down: range = NEVER,
        backlog: int = 0,
        partitions: int = 3,
    ) -> None:
        self.arriving = arriving
        self.trigger = trigger
        self.batch_takes = batch_takes
        self.down = down
        self.ends = [backlog] * partitions
        self.committed: list[int] | None = None
        self.target: list[int] = []
        self.planned: int | None = None
        self.planned_at = 0
        self.done: int | None = None
        self.busy_until = 0
        self.chance = random.Random(7)

    def looks(self, seconds: int, every: int) -> Iterator[Sample]:
        for second in range(seconds):
            for _ in range(self.arriving(second)):
                self.ends[self.chance.randrange(len(self.ends))] += 1
            if second not in self.down:
                self._work(second)
            if second % every == 0:
                yield self._look(second)

    def _work(self, second: int) -> None:
        at_work = self.planned != self.done
        if at_work and second == self.down.stop:
            # After a restart the batch that was at work is done again from its beginning.
            self.busy_until = second + self.batch_takes(sum(self.target) - sum(self.committed or ()))
        if at_work and second >= self.busy_until:
            self.committed, self.done, at_work = list(self.target), self.planned, False
        unread = sum(self.ends) - sum(self.committed or ())
        if not at_work and second % self.trigger == 0 and (unread or self.committed is None):
            self.planned = 0 if self.planned is None else self.planned + 1
            self.planned_at = second
            self.target = list(self.ends)
            self.busy_until = second + self.batch_takes(unread)

    def _look(self, second: int) -> Sample:
        return Sample(
            at=START + timedelta(seconds=second),
            committed=None if self.committed is None else dict(enumerate(self.committed)),
            ends=dict(enumerate(self.ends)),
            beginnings=dict.fromkeys(range(len(self.ends)), 0),
            planned=self.planned,
            planned_at=None if self.planned is None else START + timedelta(seconds=self.planned_at),
            committed_batch=self.done,
        )


def as_group(sample: Sample) -> Sample:
    """The same look at an ordinary consumer group, of which only the commits are known."""
    return Sample(at=sample.at, committed=sample.committed, ends=sample.ends, beginnings=sample.beginnings)


def judged(samples: Iterator[Sample]) -> Iterator[tuple[int, Judgement]]:
    """The verdict at every look, with its second."""
    window: tuple[Sample, ...] = ()
    for sample in samples:
        window = keep(window, sample, POLICY)
        yield int((sample.at - START).total_seconds()), judge(window, POLICY)


def steady(_: int) -> int:
    return 15


HEALTHY = {
    "steady": lambda: Stream(steady),
    "batches-as-long-as-the-trigger": lambda: Stream(steady, batch_takes=lambda _: 10),
    "sparse": lambda: Stream(lambda second: int(second % 700 == 699)),
    "bursty": lambda: Stream(lambda second: 5000 if second % 300 == 40 else 0),
    "idle": lambda: Stream(lambda _: 0),
    "one-big-batch": lambda: Stream(
        lambda second: 40_000 if second == 400 else 5, batch_takes=lambda records: 1 + records // 800
    ),
    "first-batch-over-a-backlog": lambda: Stream(steady, backlog=9000),
    "restart-with-catch-up": lambda: Stream(steady, down=range(600, 630)),
    "restart-in-the-middle-of-a-batch": lambda: Stream(steady, batch_takes=lambda _: 8, down=range(604, 630)),
    "growing-load": lambda: Stream(lambda second: second // 30),
}


@pytest.mark.parametrize("every", [1, 5, 7, 15, 30], ids="look-every-{}-s".format)
@pytest.mark.parametrize("trace", HEALTHY)
def test_a_healthy_stream_is_never_red(trace, every):
    red = [found for _, found in judged(HEALTHY[trace]().looks(HALF_AN_HOUR, every)) if found.verdict.red]
    assert red == []


@pytest.mark.parametrize("trace", [name for name in HEALTHY if name != "one-big-batch"])
def test_a_healthy_consumer_group_is_never_red(trace):
    looks = map(as_group, HEALTHY[trace]().looks(HALF_AN_HOUR, 5))
    assert [found for _, found in judged(looks) if found.verdict.red] == []


@pytest.mark.parametrize("every", [5, 15], ids="look-every-{}-s".format)
@pytest.mark.parametrize("batch_takes", [1, 8], ids=["between-batches", "in-a-batch"])
@pytest.mark.parametrize("seen_as", [lambda sample: sample, as_group], ids=["stream", "group"])
def test_a_reader_that_stops_is_red_a_minute_after_records_waited_and_stays_red(seen_as, batch_takes, every):
    stops = 605
    stream = Stream(steady, batch_takes=lambda _: batch_takes, down=range(stops, HALF_AN_HOUR))
    verdicts = dict(judged(map(seen_as, stream.looks(HALF_AN_HOUR, every))))
    first_red = min(second for second, found in verdicts.items() if found.verdict.red)
    assert stops + 45 <= first_red <= stops + 60 + 2 * every
    assert all(found.verdict.red for second, found in verdicts.items() if second >= first_red)


def test_a_reader_that_stops_after_an_hour_of_silence_is_red_a_minute_after_the_next_record():
    stream = Stream(lambda second: int(second == 3600), down=range(600, 4000))
    red = [second for second, found in judged(stream.looks(4000, 5)) if found.verdict.red]
    assert red[0] == 3660


def test_a_stream_that_comes_back_is_no_longer_red():
    stream = Stream(steady, down=range(600, 900))
    verdicts = dict(judged(stream.looks(HALF_AN_HOUR, 5)))
    assert verdicts[895].verdict is Verdict.STOP
    assert not any(found.verdict.red for second, found in verdicts.items() if second > 920)
