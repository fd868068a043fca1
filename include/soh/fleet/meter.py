"""Replay of a real electricity meter as power facilities: every facility plays the recording from a week of its own.

From the recording, exactly: the energy of each 15 minutes, and with it active and reactive power, which
stay the same within them. Derived by the relations of three-phase power, because the meter recorded none
of it: the phases' shares, voltages, currents (S = V x I), line voltages (sqrt(3) x phase voltage), the
frequency, and the temperature of a winding under this load.

What a reading holds follows from (facility, time), so a restarted fleet has nothing to remember but
where a counter of before stood. A meter knows no hidden condition: there are no inspections.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from soh.fleet import noise
from soh.fleet.heat import DECIMALS, of_phases
from soh.fleet.meter_file import INTERVAL, MeterRecording
from soh.fleet.noise import Floats, Ints
from soh.fleet.source import Columns, Record
from soh.specs.fleets import HEAT, FleetSpec

_SECONDS = INTERVAL.total_seconds()
_WEEK, _DAY = timedelta(weeks=1) // INTERVAL, timedelta(days=1) // INTERVAL
_GOLDEN = 0.6180339887498949
"""Multiples of it, taken modulo 1, lie far from each other however many there are."""

_VOLTAGE = 220.0
_RISE = 55.0
"""Degrees by which the largest load of the recording heats a winding."""
_TIME_CONSTANT = 1500.0
"""Seconds in which a winding makes 63 % of its way to the temperature of its load."""
_REMEMBERED = 12
"""Intervals after which a load has no part in the temperature any more."""

_PLATE, _SLOW, _FAST = 30, 31, 32


class MeterReplay:
    """The facilities of the fleet `heat` as copies of a recorded meter, ready to be read."""

    spec: FleetSpec = HEAT
    past = timedelta(hours=3)

    def __init__(self, facilities: Sequence[int], recording: MeterRecording, *, seed: int = 1) -> None:
        """facilities: ids; `seed`: another one has other phases, voltages and temperatures."""
        self.facilities = tuple(facilities)
        self.settings = (
            f"meter={len(recording)} from={recording.begin:%Y-%m-%dT%H:%M} kwh={recording.active.sum():.2f} seed={seed}"
        )
        self._zone = ZoneInfo(self.spec.table.time_zone)
        self._ids: Ints = np.array(facilities, dtype=np.int64)
        self._key = noise.keys(seed, self._ids)
        self._columns = {field.name: DECIMALS[field.unit] for field in self.spec.table.schema.measurements}

        # A lap of whole weeks, or at least days, keeps every hour on its hour, lap after lap.
        unit = next((unit for unit in (_WEEK, _DAY) if len(recording) >= unit), len(recording))
        self._lap = len(recording) // unit * unit
        self._began = recording.begin.timestamp()
        self._active, self._reactive = recording.active[: self._lap], recording.reactive[: self._lap]
        self._counter = np.concatenate([[0.0], np.cumsum(self._active)])
        self.offsets: Ints = self._ids * _coprime(self._lap // unit) % (self._lap // unit) * unit
        """Intervals by which each facility is ahead of the calendar: whole weeks, or days."""
        self._counted_before: Floats = np.zeros(len(facilities))
        apparent = np.hypot(self._active, self._reactive)
        self._relative = apparent / max(float(apparent.max()), 1e-9)

        draw = noise.uniform(self._key, np.zeros(len(facilities)), 7, _PLATE)
        self._imbalance = 0.03 * (draw[:, :3] - draw[:, :3].mean(axis=1, keepdims=True))
        self._voltage = _VOLTAGE * (1 + 0.008 * (draw[:, 3:6] - 0.5))
        self._room = 20.0 + 8.0 * draw[:, 6]

    def resume(
        self,
        *,
        now: float,  # noqa: ARG002 everything but the counter's beginning follows from the time of a reading
        readings: Mapping[int, Record],
        inspections: Mapping[int, Record],  # noqa: ARG002
        same_settings: bool,  # noqa: ARG002
    ) -> None:
        """Go on where a predecessor ended: its energy counters go on, whatever its source was."""
        known = [(index, readings[facility]) for index, facility in enumerate(self.facilities) if facility in readings]
        if not known:
            return
        which = np.array([index for index, _ in known])
        at = np.array([float(last["event_time"]) for _, last in known])
        ahead = np.array([float(last["energy_total"]) for _, last in known]) - self.energy(which, at)
        # To a hundredth, and not below what was shown: so a restart finds what was found before, to the digit.
        self._counted_before[which] += np.ceil(100 * ahead - 0.06) / 100

    def place(self, which: Ints, at: Floats) -> tuple[Ints, Floats]:
        """Number of the interval, counted through all laps, and the seconds since it began; (n,) epoch seconds."""
        offset = datetime.fromtimestamp(float(at[0]), self._zone).utcoffset()
        passed = at + (offset.total_seconds() if offset else 0.0) - self._began
        number = np.floor(passed / _SECONDS).astype(np.int64)
        return number + self.offsets[which], passed - number * _SECONDS

    def energy(self, which: Ints, at: Floats) -> Floats:
        """What the counters show, kWh, not rounded; indices `which` and epoch seconds `at`, both (n,)."""
        number, seconds = self.place(which, at)
        laps, row = number // self._lap, number % self._lap
        counted = laps * self._counter[-1] + self._counter[row] + self._active[row] * seconds / _SECONDS
        shown: Floats = counted + self._counted_before[which]
        return shown

    def _heating(self, number: Ints, seconds: Floats) -> Floats:
        """Share of `_RISE` that the load of the last hours has brought about, shape (n,)."""
        left = np.ones(len(number))
        heating = np.zeros(len(number))
        for back in range(_REMEMBERED):
            lasted = seconds if back == 0 else _SECONDS
            kept = left * np.exp(-lasted / _TIME_CONSTANT) if back < _REMEMBERED - 1 else np.zeros(len(number))
            heating += (left - kept) * self._relative[(number - back) % self._lap] ** 2
            left = kept
        return heating

    def readings(self, which: Ints, seqs: Ints, at: Floats) -> Columns:  # noqa: ARG002 the meter knows no numbers
        """Readings of facilities at indices `which` at `at`, epoch seconds, in the order of time."""
        key = self._key[which]
        number, seconds = self.place(which, at)
        row = number % self._lap
        watts, vars_ = self._active[row] * 3.6e6 / _SECONDS, self._reactive[row] * 3.6e6 / _SECONDS
        running = watts > 0
        slow = noise.wander(key, at, np.array([900.0, 1300.0, 700.0]), _SLOW)
        fast = noise.normal(key, np.rint(at * 1000), 8, _FAST)

        level = 1 + 0.010 * slow[:, :1] - 0.015 * self._relative[row][:, None] + 0.0012 * fast[:, :3]
        voltage = self._voltage[which] * level
        # Rounded first: what is shown is what adds up.
        share = (1 + self._imbalance[which] + 0.004 * (slow[:, 1:2] * [1, -1, 0] + slow[:, 2:3] * [0, 1, -1])) / 3
        power, reactive = _split(watts, share), _split(vars_, share)
        room = self._room[which] + 2.5 * np.cos((at / 86400 - 6 / 24) * 2 * np.pi)
        values = of_phases(
            active_power=power,
            reactive_power=reactive,
            current=np.hypot(power, reactive) / voltage,
            voltage=voltage,
            line_voltage=voltage * 3**0.5 * (1 + 0.001 * fast[:, 3:6]),
        )
        values |= {
            "energy_total": self.energy(which, at),
            "frequency": np.where(running, 60 + 0.03 * slow[:, 0] + 0.012 * fast[:, 6], 0.0),
            "temperature": room + _RISE * self._heating(number, seconds) + 0.35 * fast[:, 7],
        }
        return {
            "facility_id": self._ids[which].tolist(),
            "event_time": np.round(at, 3).tolist(),
            **{name: np.round(values[name], decimals).tolist() for name, decimals in self._columns.items()},
        }

    def inspections(self, now: float) -> list[Record]:  # noqa: ARG002
        """None: nobody knows what was wrong with a facility that is a meter."""
        return []


def _split(total: Floats, share: Floats) -> Floats:
    """Parts (n, 3) of totals (n,) by shares (n, 3) whose sum is 1; the parts add up to the total to the digit."""
    parts = np.round(total[:, None] * share, DECIMALS["W"])
    parts[:, 2] = np.round(total - parts[:, 0] - parts[:, 1], DECIMALS["W"])
    return parts


def _coprime(number: int) -> int:
    """About a golden part of `number`, without a common divisor: its multiples reach every place before one twice."""
    return next(step for step in range(max(1, round(number * _GOLDEN)), 2 * number + 1) if math.gcd(step, number) == 1)
