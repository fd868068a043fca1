"""Inspections: what was wrong with a facility over a stretch of time, known only some minutes afterwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from soh.fleet import noise
from soh.fleet.conditions import CONDITIONS, STATES, Hidden
from soh.fleet.noise import Floats, Ints, Keys
from soh.fleet.source import Record

LONGEST_STRETCH = timedelta(minutes=10)
SHORTEST_DELAY = timedelta(minutes=2)
LONGEST_DELAY = timedelta(minutes=10)

_STREAM = 2
_NOTHING = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inspection:
    publish_at: float
    facility: int
    begin: float
    end: float
    label: int


class Inspector:
    """Watches n facilities and reports each stretch [from, to) in which what it found stayed the same.

    A stretch ends when the finding or the state changes, when it is LONGEST_STRETCH long, and where
    the readings pause. Its report comes SHORTEST_DELAY to LONGEST_DELAY after its end, in order.
    """

    def __init__(self, key: Keys, facilities: Sequence[int], *, period: float, pace: float = 1.0) -> None:
        """`pace` shrinks stretches and delays for a fleet that degrades faster than in nature."""
        self._key = key
        self._facilities = facilities
        self._period = period
        self._longest = max(LONGEST_STRETCH.total_seconds() * pace, period)
        self._delays = (SHORTEST_DELAY.total_seconds() * pace, LONGEST_DELAY.total_seconds() * pace)
        self._label: Ints = np.full(len(key), _NOTHING)
        self._begin: Floats = np.zeros(len(key))
        self._seen: Floats = np.zeros(len(key))
        self._reports: list[deque[_Inspection]] = [deque() for _ in facilities]
        self._next_report: Floats = np.full(len(key), np.inf)

    def observe(self, which: Ints, at: Floats, truth: Hidden) -> None:
        """Take in the truth about the facilities at indices `which`, shape (n,), at (n,) epoch seconds."""
        label = truth.found * len(STATES) + truth.state
        known = self._label[which]
        paused = at - self._seen[which] > 2 * self._period
        ended = (label != known) | paused | (at - self._begin[which] >= self._longest - 1e-6)
        over = np.flatnonzero(ended & (known != _NOTHING))
        self._close(which[over], np.where(paused, self._seen[which] + self._period, at)[over])
        started = which[ended]
        self._label[started] = label[ended]
        self._begin[started] = at[ended]
        self._seen[which] = at

    def close(self) -> None:
        """End every open stretch one period after its last reading."""
        still = np.flatnonzero(self._label != _NOTHING)
        self._close(still, self._seen[still] + self._period)
        self._label[still] = _NOTHING

    def _close(self, which: Ints, ends: Floats) -> None:
        """End the stretches of facilities at indices `which` at `ends`, epoch seconds; both (n,)."""
        share = noise.uniform(self._key[which], ends, 1, _STREAM)[:, 0]
        published = ends + self._delays[0] + share * (self._delays[1] - self._delays[0])
        rows = (which, published, self._begin[which], ends, self._label[which])
        for index, publish_at, begin, end, label in zip(*(row.tolist() for row in rows), strict=True):
            reports = self._reports[index]
            reports.append(
                _Inspection(
                    publish_at=max(publish_at, reports[-1].publish_at) if reports else publish_at,
                    facility=self._facilities[index],
                    begin=begin,
                    end=end,
                    label=label,
                )
            )
            self._next_report[index] = reports[0].publish_at

    def due(self, now: float) -> list[Record]:
        """Reports to publish at `now`, in epoch seconds, each handed out once."""
        if not len(self._next_report) or self._next_report.min() > now:
            return []
        records: list[Record] = []
        for index in np.flatnonzero(self._next_report <= now):
            reports = self._reports[index]
            while reports and reports[0].publish_at <= now:
                records.append(_record(reports.popleft(), now))
            self._next_report[index] = reports[0].publish_at if reports else np.inf
        return records


def _record(inspection: _Inspection, now: float) -> Record:
    found, state = divmod(inspection.label, len(STATES))
    return {
        "facility_id": inspection.facility,
        "event_time": round(now, 3),
        "from_time": round(inspection.begin, 3),
        "to_time": round(inspection.end, 3),
        "condition": CONDITIONS[found].value,
        "state": STATES[state].value,
    }
