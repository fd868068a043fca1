"""The past of a fleet that starts for the first time: sent at full speed, as if it had been running for hours.

What is read next follows from what was read last, so that a fleet that is killed on the way goes on where
it was. Everything else is as in the present: numbers, outbox, inspections.
"""

from __future__ import annotations

import time

import numpy as np

from soh.fleet.noise import Floats, Ints
from soh.fleet.schedule import Schedule

_LONGEST_STEP = 60.0
"""Seconds of event time in one step."""
_READINGS_A_STEP = 2000
"""About as many make the physics fast; more only takes memory."""


class Past:
    """The slots from the fleet's beginning up to the present, taken in steps."""

    def __init__(self, schedule: Schedule, *, begin: float, last_read: Floats) -> None:
        """begin: epoch seconds; last_read: event time of each facility's last reading, NaN where there is none."""
        self._schedule = schedule
        self._first = schedule.latest(begin) + 1
        known = ~np.isnan(last_read)
        self._read: Ints = np.full(len(last_read), -1)
        self._read[known] = schedule.nearest(last_read[known])
        # Readings are handed over in the order of slots, so only the last slot can be there in part.
        self.next = max(self._first, int(self._read.max()))
        """The slot to go on with."""
        slot_length = schedule.begins(1)
        readings_a_slot = len(last_read) / schedule.slots
        self._step = max(1, int(min(_LONGEST_STEP / slot_length, _READINGS_A_STEP / readings_a_slot)))
        self._started, self._started_at = self.next, time.monotonic()

    @property
    def at(self) -> float:
        """Epoch seconds of the first reading to come."""
        return self._schedule.begins(self.next)

    def is_over(self, now: float) -> bool:
        """Whether so little is left that it belongs to the present, which is never a whole period behind."""
        return self._schedule.latest(now) - self.next < self._schedule.slots // 2

    def take(self, now: float) -> tuple[Ints, Ints]:
        """Indices of the next facilities to read, in the order of time, and the slot of each; both (n,)."""
        slots = range(self.next, min(self.next + self._step, self._schedule.latest(now) + 1))
        self.next = slots.stop
        which, slot_of = self._schedule.reads(slots)
        owed = slot_of > self._read[which]
        return which[owed], slot_of[owed]

    def progress(self, now: float) -> str:
        """How much of it is sent, and how long the rest will take."""
        whole = now - self._schedule.begins(self._first)
        left = now - self.at
        done = self._schedule.begins(self.next - self._started)
        speed = done / max(time.monotonic() - self._started_at, 1e-3)
        estimate = f"about {left / (speed - 1):.0f} s left" if speed > 1 else "it does not catch up"
        return f"{100 * (1 - left / whole):.0f} % of {whole / 3600:.1f} h sent, {estimate}"
