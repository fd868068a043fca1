"""Watch the streams of one running app: who stands still for so long that only a new driver helps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from soh.errors import SohError
from soh.specs import StreamSpec
from soh.streams.verdict import Judgement, Sample, StallPolicy, Verdict, judge, keep

PATIENCE = 3
"""A stream that moved under this driver, has no batch at work, and stands still for this many times its
`stall_after` does not come back by itself."""

LONG_PATIENCE = 10
"""The same for one that has a batch at work, or has not moved under this driver yet: it may be about to."""

_MOST_DOUBLINGS = 6

_CURED_BY_RESTART = frozenset({Verdict.STALL, Verdict.STOP})
"""Not REWIND, GONE or TRUNCATED: a new driver would start from the same broken place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one look at one stream found."""

    stream: StreamSpec
    judgement: Judgement | None
    """None when the look failed."""
    standing: timedelta = timedelta()
    """How long it has been seen to stand still without a break."""
    limit: timedelta = timedelta.max
    """Standing still for longer than this is hopeless."""
    trouble: str = ""
    """Why the look failed; says nothing about the stream."""

    @property
    def hopeless(self) -> bool:
        """Nothing but a new driver is left to try."""
        return self.standing > self.limit

    def __str__(self) -> str:
        if self.judgement is None:
            return f"{self.stream.name}: not seen ({self.trouble})"
        return f"{self.stream.name}: {self.judgement.verdict}, {self.judgement.lag} unread; {self.judgement.reason}"


def stall_policy(sample: Sample, stall_after: timedelta, allowed_lag: int = 0) -> StallPolicy:
    """How a reader is judged at a look; before its first commit with more patience.

    Until then a stream's app starts, makes its tables, and has the whole backlog for a batch.
    """
    patience = stall_after if sample.committed else PATIENCE * stall_after
    return StallPolicy(stall_after=patience, allowed_lag=allowed_lag)


def settled(window: Sequence[Sample]) -> bool:
    """Tell whether a window proves that a reader moves, so that nobody need wait for a stall.

    It does when everything is read, or when the reader has moved on in every partition that had
    unread records at the first look.
    """
    first, last = window[0], window[-1]
    if last.committed is None:
        return not any(last.ends.values())
    waiting = [
        partition
        for partition, end in first.ends.items()
        if end > (first.committed or {}).get(partition, first.beginnings.get(partition, 0))
    ]
    moved = all(last.committed.get(partition, 0) > (first.committed or {}).get(partition, 0) for partition in waiting)
    everything_read = all(last.committed.get(partition, 0) >= end for partition, end in last.ends.items())
    return everything_read or (bool(waiting) and moved)


class StreamWatch:
    """Keeps what the rules need to remember between looks; begins anew with each driver."""

    def __init__(
        self,
        streams: Iterable[StreamSpec],
        sample: Callable[[StreamSpec, datetime], Sample],
        earlier_starts: Sequence[datetime] = (),
    ) -> None:
        """Watch `streams` by `sample`; `earlier_starts` are those of the drivers before this one."""
        self._streams = tuple(streams)
        self._sample = sample
        self._earlier_starts = tuple(earlier_starts)
        self._windows: dict[str, tuple[Sample, ...]] = {}
        self._standing_since: dict[str, datetime] = {}
        self._moved: set[str] = set()

    def look(self, now: datetime) -> list[Finding]:
        """Look at every stream once; a server that does not answer makes a stream unseen, not red."""
        return [self._look_at(stream, now) for stream in self._streams]

    def _look_at(self, stream: StreamSpec, now: datetime) -> Finding:
        policy = StallPolicy(stall_after=stream.stall_after)
        try:
            sample = self._sample(stream, now)
        except SohError as error:
            # What was not seen for a while cannot be said to have stood still meanwhile.
            self._standing_since.pop(stream.name, None)
            return Finding(stream=stream, judgement=None, trouble=str(error))
        window = keep(self._windows.get(stream.name, ()), sample, policy)
        self._windows[stream.name] = window
        if window[0].committed_batch != sample.committed_batch:
            self._moved.add(stream.name)
        judgement = judge(window, policy)
        if judgement.verdict not in _CURED_BY_RESTART:
            self._standing_since.pop(stream.name, None)
            return Finding(stream=stream, judgement=judgement)
        since = self._standing_since.setdefault(stream.name, now)
        return Finding(stream=stream, judgement=judgement, standing=now - since, limit=self._limit(stream, sample))

    def _limit(self, stream: StreamSpec, sample: Sample) -> timedelta:
        if not sample.in_flight and stream.name in self._moved:
            return PATIENCE * stream.stall_after
        # A new driver begins the same batch anew. One that only takes long must not be killed for ever: each
        # driver that has tried it already doubles the time that the next one gets.
        tried = sum(1 for start in self._earlier_starts if sample.planned_at and start > sample.planned_at)
        return LONG_PATIENCE * stream.stall_after * (1 << min(tried, _MOST_DOUBLINGS))
