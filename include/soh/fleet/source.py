"""What a fleet is to the runner: something that can be read at a moment, and is inspected later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

import numpy as np

from soh.fleet.noise import Floats, Ints
from soh.specs.fleets import FleetSpec

Record = dict[str, int | float | str]
"""One message, by the names of its schema's fields, without `seq`."""

Columns = dict[str, list[Any]]
"""Many messages: the values of each field, in the order of the messages."""


class Source(Protocol):
    """The facilities of one fleet. A facility is addressed by its index in `facilities`."""

    @property
    def spec(self) -> FleetSpec: ...

    @property
    def facilities(self) -> Sequence[int]:
        """Facility ids, in ascending order."""
        ...

    @property
    def settings(self) -> str:
        """Everything beside time on which the truth about a facility depends."""
        ...

    @property
    def past(self) -> timedelta:
        """How much of its past a fleet sends when it starts for the first time, unless it is told otherwise."""
        ...

    def resume(
        self, *, now: float, readings: Mapping[int, Record], inspections: Mapping[int, Record], same_settings: bool
    ) -> None:
        """Go on where a predecessor ended.

        now: epoch seconds of the first reading to come; readings and inspections: the last record of
        each facility id, with `seq`, where there is one; same_settings: whether the predecessor's
        settings were ours, so that what it left unsaid can be told from ours.
        """
        ...

    def readings(self, which: Ints, seqs: Ints, at: Floats) -> Columns:
        """Readings of facilities `which` at `at`, epoch seconds; `seqs` are their numbers; all of shape (n,).

        In the order of time. A facility may come several times, each time later than before.
        """
        ...

    def inspections(self, now: float) -> list[Record]:
        """Inspections that become known by `now`, each handed out once."""
        ...


def rounds(which: Ints) -> list[Ints]:
    """Positions in `which`, shape (n,), in parts that hold a facility once each: its first time, its second ..."""
    order = np.argsort(which, kind="stable")
    begins = np.flatnonzero(np.diff(which[order], prepend=-1))
    lengths = np.diff(begins, append=len(which))
    times = np.empty(len(which), dtype=np.int64)
    times[order] = np.arange(len(which)) - np.repeat(begins, lengths)
    return np.split(np.argsort(times, kind="stable"), np.cumsum(np.bincount(times))[:-1])
