"""When each facility is read: at its own phase of the period, without drift, and never late by much."""

from __future__ import annotations

import numpy as np

from soh.fleet.noise import Floats, Ints

_SHORTEST_SLOT = 0.05
"""Seconds; a large fleet shares slots of this length rather than waking the process for each facility."""


class Schedule:
    """Slots of equal length, counted from the epoch, so that a restart keeps every facility's phase."""

    def __init__(self, *, facilities: int, period: float) -> None:
        """`period` in seconds: from one reading of a facility to its next."""
        self.slots = max(1, min(facilities, int(period / _SHORTEST_SLOT + 1e-9)))
        self.rate = facilities / period
        """Readings a second."""
        self._length = period / self.slots
        slot_of = np.arange(facilities) * self.slots // facilities
        self._members = [np.flatnonzero(slot_of == slot) for slot in range(self.slots)]

    def latest(self, now: float) -> int:
        """Number of the last slot that has begun at `now`, epoch seconds."""
        return int(now // self._length)

    def begins(self, slot: int) -> float:
        """Epoch seconds."""
        return slot * self._length

    def times(self, slots: Ints) -> Floats:
        """Epoch seconds at which slots begin, shape (n,)."""
        times: Floats = slots.astype(np.float64) * self._length
        return times

    def nearest(self, at: Floats) -> Ints:
        """Numbers of the slots that begin nearest to (n,) epoch seconds."""
        slots: Ints = np.rint(at / self._length).astype(np.int64)
        return slots

    def members(self, slot: int) -> Ints:
        """Indices of the facilities that are read in a slot."""
        return self._members[slot % self.slots]

    def reads(self, slots: range) -> tuple[Ints, Ints]:
        """Indices of the facilities that are read in `slots`, in this order, and the slot of each; both (n,)."""
        members = [self.members(slot) for slot in slots]
        which: Ints = np.concatenate([np.empty(0, dtype=np.int64), *members])
        return which, np.repeat(np.arange(slots.start, slots.stop), [len(some) for some in members])

    def due(self, after: int, now: float) -> range:
        """Slots after number `after` to serve at `now`.

        Those more than a period ago are left out: after a pause a facility is read once, as it would
        be anyway, and readings that nobody made are not made up.
        """
        latest = self.latest(now)
        return range(max(after + 1, latest - self.slots + 1), latest + 1)
