"""What a fleet is to the runner: something that can be read at a moment, and is inspected later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from soh.fleet.noise import Ints
from soh.specs.fleets import FleetSpec

Record = dict[str, int | float | str]
"""One message, by the names of its schema's fields, without `seq`."""


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

    def resume(
        self, *, now: float, readings: Mapping[int, Record], inspections: Mapping[int, Record], same_settings: bool
    ) -> None:
        """Go on where a predecessor ended.

        now: epoch seconds of the first reading to come; readings and inspections: the last record of
        each facility id, with `seq`, where there is one; same_settings: whether the predecessor's
        settings were ours, so that what it left unsaid can be told from ours.
        """
        ...

    def readings(self, which: Ints, seqs: Ints, at: float) -> list[Record]:
        """One reading of each facility of `which` at `at`, epoch seconds; `seqs` are their numbers."""
        ...

    def inspections(self, now: float) -> list[Record]:
        """Inspections that become known by `now`, each handed out once."""
        ...
