"""Replay of the hydraulic test rig: every facility plays the recording from a place of its own.

What a reading holds follows from (facility, seq): reading `seq` is the 5 seconds number `seq % 12`
of the cycle number `seq // 12` after the facility's first. So a restarted fleet goes on in the
middle of a cycle, and any stored reading can be compared with the recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np

from soh.fleet.noise import Floats, Ints
from soh.fleet.recording import CHANNELS, READINGS, Recording, fold
from soh.fleet.source import Columns, Record
from soh.specs.fleets import HYDRAULIC, FleetSpec

_GOLDEN = 0.6180339887498949
"""Multiples of it, taken modulo 1, lie far from each other however many there are."""


class HydraulicReplay:
    """The facilities of the fleet `hydraulic`, ready to be read."""

    spec: FleetSpec = HYDRAULIC

    def __init__(self, facilities: Sequence[int], recording: Recording, *, period: float | None = None) -> None:
        """facilities: ids; period: seconds between two readings, 5 in the rig's own time."""
        self.facilities = tuple(facilities)
        self.settings = f"cycles={len(recording)}"
        self._recording = recording
        self._period = self.spec.period.total_seconds() if period is None else period
        self._columns = [channel.name for channel in CHANNELS]
        ids = np.array(facilities, dtype=np.float64)
        self.offsets: Ints = (ids * _GOLDEN % 1 * len(recording)).astype(np.int64)
        """Index of the first cycle of each facility."""
        self._cycle_began: Floats = np.full(len(facilities), np.nan)
        self._done: list[Record] = []

    def resume(
        self,
        *,
        now: float,  # noqa: ARG002 the place in the recording follows from the last record alone
        readings: Mapping[int, Record],
        inspections: Mapping[int, Record],
        same_settings: bool,
    ) -> None:
        """Go on where a predecessor ended; a cycle that it finished and never published is owed."""
        for index, facility in enumerate(self.facilities):
            if (last := readings.get(facility)) is None:
                continue
            seq, at = int(last["seq"]), float(last["event_time"])
            part = seq % READINGS
            self._cycle_began[index] = at - part * self._period
            published = float(inspections.get(facility, {}).get("to_time", 0))
            if part == READINGS - 1 and published <= at and same_settings:
                self._finish(index, seq, at)

    @property
    def past(self) -> timedelta:
        """One lap of the recording, divided among all facilities: afterwards each cycle was played by one of them."""
        begins = np.sort(self.offsets)
        longest = np.diff(begins, append=begins[0] + len(self._recording)).max()
        return timedelta(seconds=int(longest) * READINGS * self._period)

    def place(self, which: Ints, seqs: Ints) -> tuple[Ints, Ints]:
        """Index of the recording's cycle, and of the 5 seconds within it, for reading number `seqs`."""
        return (self.offsets[which] + seqs // READINGS) % len(self._recording), seqs % READINGS

    def readings(self, which: Ints, seqs: Ints, at: Floats) -> Columns:
        """Readings of facilities `which` at `at`, epoch seconds, in the order of time; `seqs` are their numbers."""
        cycles, parts = self.place(which, seqs)
        ends = (parts == 0) | (parts == READINGS - 1) | np.isnan(self._cycle_began[which])
        for position in np.flatnonzero(ends):
            index = int(which[position])
            if parts[position] == 0 or np.isnan(self._cycle_began[index]):
                self._cycle_began[index] = at[position]
            if parts[position] == READINGS - 1:
                self._finish(index, int(seqs[position]), float(at[position]))
        values = np.round(self._recording.values[cycles, parts], 4)
        return {
            "facility_id": [self.facilities[index] for index in which.tolist()],
            "event_time": np.round(at, 3).tolist(),
            "cycle": self._recording.grades[cycles, 0].tolist(),
            **dict(zip(self._columns, values.T.tolist(), strict=True)),
        }

    def _finish(self, index: int, seq: int, at: float) -> None:
        """Note the grades of the cycle whose last reading, number `seq`, was made at `at`."""
        cycles, _ = self.place(np.array([index]), np.array([seq]))
        grade = self._recording.grade(int(cycles[0]))
        self._done.append(
            {
                "facility_id": self.facilities[index],
                "from_time": round(float(self._cycle_began[index]), 3),
                "to_time": round(at + self._period, 3),
                "condition": grade["condition"],
                "state": fold(cooler_pct=grade["cooler_pct"], pump_leak=grade["pump_leak"]).value,
                "cycle": grade["cycle"],
                "cooler_pct": grade["cooler_pct"],
                "pump_leak": grade["pump_leak"],
            }
        )

    def inspections(self, now: float) -> list[Record]:
        """Grades of the cycles that ended by `now`, each handed out once."""
        due = [record for record in self._done if float(record["to_time"]) <= now]
        if due:
            self._done = [record for record in self._done if float(record["to_time"]) > now]
        return [record | {"event_time": round(now, 3)} for record in due]
