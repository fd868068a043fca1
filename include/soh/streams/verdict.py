"""Does a reader of Kafka move? The decision, for streams and consumer groups alike, no input or output here.

The order of the rules is Burrow's, with three of its known faults mended: a reader that has just
stopped does not stay fine for as long as the window remembers a lag of zero, a topic with nothing
new is fine however long nothing is committed, and one big batch in progress is not a stall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise


class Verdict(StrEnum):
    """How a reader does, from best to worst."""

    OK = "ok"
    WAITING = "waiting"
    """Has not committed anything yet, and has not had the time to."""
    IN_BATCH = "in_batch"
    """Has unread records and works on a batch that is not done yet."""
    WARN = "warn"
    """Moves, but the lag has only grown."""
    STALL = "stall"
    """Runs, and has not read what has been there for too long."""
    STOP = "stop"
    """Neither reads nor plans to, though records wait."""
    REWIND = "rewind"
    """Its position went back and has not come up again."""
    TRUNCATED = "truncated"
    """Retention deleted records that it had not read."""
    GONE = "gone"
    """Its position, or what the position points to, does not exist any more."""

    @property
    def red(self) -> bool:
        """Somebody must act."""
        return self in _RED


_RED = frozenset({Verdict.STALL, Verdict.STOP, Verdict.REWIND, Verdict.TRUNCATED, Verdict.GONE})
_SEVERITY = {verdict: severity for severity, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at a reader of one topic: offsets by partition."""

    at: datetime
    committed: Mapping[int, int] | None
    """The offset to be read next; None before a first commit."""
    ends: Mapping[int, int]
    beginnings: Mapping[int, int]
    planned: int | None = None
    """Last batch that a stream has planned; None for a consumer group."""
    planned_at: datetime | None = None
    committed_batch: int | None = None
    """Last batch that a stream has done; None for a consumer group."""
    committed_at: datetime | None = None
    """When it was done."""

    @property
    def in_flight(self) -> bool:
        """A batch is planned and not done."""
        return self.planned is not None and (self.committed_batch is None or self.planned > self.committed_batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class StallPolicy:
    """When standing still is a stall."""

    stall_after: timedelta
    """Records that have waited for this long, and longer, prove it."""
    allowed_lag: int = 0
    """Unread records of a partition that nobody minds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with its reason, for a person on call."""

    verdict: Verdict
    partition: int | None
    """The partition that decided it; None when none stands out."""
    lag: int
    """Unread records of all partitions at the last look."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    verdict: Verdict
    partition: int
    unread: int
    reason: str = ""

    @property
    def weight(self) -> tuple[int, int]:
        return _SEVERITY[self.verdict], self.unread


def keep(window: Sequence[Sample], sample: Sample, policy: StallPolicy) -> tuple[Sample, ...]:
    """Add a look to a window and forget those that no rule needs any more.

    Kept is twice `stall_after`: enough to prove a stall, and to see whether the lag fell meanwhile.
    """
    oldest = sample.at - 2 * policy.stall_after
    return (*(look for look in window if look.at >= oldest), sample)


def judge(window: Sequence[Sample], policy: StallPolicy) -> Judgement:
    """Compare committed positions over `window` (oldest first), partition by partition; the worst decides.

    Only records that were already there at a look count as waiting since that look: one that arrived
    a second before the last look had no time to be read. No clock starts before the window, so a
    window must reach back `stall_after` to prove a stall (`keep` sees to it), and should begin anew
    when the reader is started again. Linear in partitions times looks.
    """
    if not window:
        raise ValueError("a verdict needs at least one look")
    last = window[-1]
    lag = sum(_unread(window, last, partition) for partition in last.ends)
    seen = [look.at for look in window if look.committed is not None]
    if last.committed is None and seen:
        reason = f"the positions seen until {_clock(seen[-1])} are gone: was the checkpoint or the group deleted?"
        return Judgement(verdict=Verdict.GONE, partition=None, lag=lag, reason=reason)
    partitions = last.ends.keys() | (last.committed or {}).keys()
    if not partitions:
        return Judgement(verdict=Verdict.GONE, partition=None, lag=0, reason="the topic is not on the broker")
    moved_at = _last_move(window)
    findings = [_find(window, partition, policy, moved_at) for partition in sorted(partitions)]
    worst = max(findings, key=lambda finding: finding.weight)
    if worst.verdict is Verdict.OK:
        reason = f"{lag} records unread, and it moves" if lag else "everything is read"
        return Judgement(verdict=Verdict.OK, partition=None, lag=lag, reason=reason)
    return Judgement(
        verdict=worst.verdict,
        partition=worst.partition,
        lag=lag,
        reason=f"partition {worst.partition}: {worst.reason}",
    )


def _find(window: Sequence[Sample], partition: int, policy: StallPolicy, moved_at: datetime) -> _Finding:
    """Apply the rules to one partition, in their order."""
    last = window[-1]
    unread = _unread(window, last, partition)

    def found(verdict: Verdict, reason: str = "") -> _Finding:
        return _Finding(verdict=verdict, partition=partition, unread=unread, reason=reason)

    if lost := _lost_place(window, partition):
        return found(*lost)
    if unread <= policy.allowed_lag:
        return found(Verdict.OK)

    since = _waiting_since(window, partition, policy)
    # A batch that was planned after the records were there and is done without them will never hold them.
    passed_over = last.committed_batch is not None and last.committed_batch > _or_none_yet(since.planned)
    in_batch = last.in_flight and not passed_over
    clock = max(since.at, _batch_begun(window)) if in_batch else since.at
    position = _position(last, partition)
    waiting = f"{unread} records unread, " + (
        "nothing committed yet" if position is None else f"position {position} unchanged"
    )
    waiting += f" since {_clock(since.at)} or longer"
    if in_batch:
        waiting += f"; batch {last.planned}, planned at {_clock(_batch_begun(window))}, is not done"

    if last.at - clock >= policy.stall_after:
        if last.committed is None or in_batch:
            return found(Verdict.STALL, waiting)
        if last.in_flight or moved_at > since.at:
            return found(Verdict.STALL, f"{waiting}, while other partitions are read")
        return found(Verdict.STOP, f"{waiting}, and nothing is being read: does the reader run?")
    if last.committed is None:
        return found(Verdict.WAITING, waiting)
    if _lag_only_grew(window, partition, policy):
        return found(Verdict.WARN, f"{unread} records unread, and more at every look since {_clock(window[0].at)}")
    if in_batch:
        return found(Verdict.IN_BATCH, waiting)
    return found(Verdict.OK)


def _lost_place(window: Sequence[Sample], partition: int) -> tuple[Verdict, str] | None:
    """Tell whether the reader's place in the partition is one from which it can go on."""
    last = window[-1]
    position = _position(last, partition)
    before = [known for look in window[:-1] if (known := _position(look, partition)) is not None]
    if position is None:
        return (Verdict.GONE, f"its position {before[-1]} is gone: was it deleted?") if before else None
    end = last.ends.get(partition)
    if end is None:
        return Verdict.GONE, f"committed up to {position}, but it is not on the broker: was the topic deleted?"
    if position > end:
        return Verdict.GONE, f"committed up to {position}, but it ends at {end}: was the topic deleted and made anew?"
    beginning = last.beginnings.get(partition, 0)
    if beginning > position:
        lost = f"{beginning - position} records ({position} to {beginning - 1}) were deleted before they were read"
        return Verdict.TRUNCATED, f"{lost}: retention overtook the reader"
    if before and position < max(before):
        return Verdict.REWIND, f"went back from {max(before)} to {position}: what lies between is read again"
    return None


def _waiting_since(window: Sequence[Sample], partition: int, policy: StallPolicy) -> Sample:
    """The first look from which on the partition had unread records and its position did not change."""
    since = last = window[-1]
    for look in reversed(window):
        same = _position(look, partition) == _position(last, partition)
        if not same or _unread(window, look, partition) <= policy.allowed_lag:
            break
        since = look
    return since


def _batch_begun(window: Sequence[Sample]) -> datetime:
    """When the batch in flight at the last look was planned, or was first seen, if the clocks disagree."""
    last = window[-1]
    seen = next(look.at for look in window if look.planned == last.planned)
    return min(seen, last.planned_at or seen)


def _lag_only_grew(window: Sequence[Sample], partition: int, policy: StallPolicy) -> bool:
    """Tell whether the partition, which moves, lost ground over the window and never gained any."""
    first, last = window[0], window[-1]
    if last.at - first.at < policy.stall_after or _position(first, partition) == _position(last, partition):
        return False
    lags = [_unread(window, look, partition) for look in window]
    return lags[0] > policy.allowed_lag and lags[-1] > lags[0] and all(a <= b for a, b in pairwise(lags))


def _last_move(window: Sequence[Sample]) -> datetime:
    """The look at which any position was last seen to have changed; the first look when none did."""
    for earlier, later in reversed(list(pairwise(window))):
        if earlier.committed != later.committed:
            return later.at
    return window[0].at


def _position(look: Sample, partition: int) -> int | None:
    return None if look.committed is None else look.committed.get(partition)


def _unread(window: Sequence[Sample], look: Sample, partition: int) -> int:
    """Records of the partition after the reader's position; never below 0."""
    position = _position(look, partition)
    if position is None and look.committed is not None and look.planned is None:
        # A consumer group commits where it has read; of a partition without a commit only new records prove neglect.
        position = window[0].ends.get(partition, 0)
    elif position is None:
        position = look.beginnings.get(partition, 0)
    return max(0, look.ends.get(partition, 0) - position)


def _or_none_yet(batch: int | None) -> int:
    return -1 if batch is None else batch


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
