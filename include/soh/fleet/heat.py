"""Physics of the virtual power facilities: loads, three-phase electricity, heat and energy.

Pure but for the temperature and the energy counter of each facility, which are carried from one
reading to the next; everything else follows from (seed, facility, time).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from soh.errors import BadInput
from soh.fleet import noise
from soh.fleet.conditions import CONDITIONS, Condition, Hidden, hidden, pace
from soh.fleet.inspections import Inspector
from soh.fleet.noise import Floats, Ints, Keys
from soh.fleet.source import Columns, Record, rounds
from soh.specs.fleets import HEAT, FleetSpec
from soh.specs.schemas import PHASES

DECIMALS = {"kWh": 3, "W": 1, "var": 1, "Hz": 3, "A": 3, "V": 2, "degC": 2}
"""Digits that a meter shows."""
_WINDING, _IMBALANCE, _FACTOR, _CONTACT = (
    CONDITIONS.index(condition) for condition in CONDITIONS if condition is not Condition.HEALTHY
)
_TIME_CONSTANT = 1500.0
"""Seconds in which a winding makes 63 % of its way to the temperature of its load."""
_LONGEST_OWED = 3600.0
"""Seconds before the last reading within which inspections that were never published are made up for."""

_WEAR, _SHIFT, _SLOW, _FAST = 10, 11, 12, 13


def of_phases(
    *, active_power: Floats, reactive_power: Floats, current: Floats, voltage: Floats, line_voltage: Floats
) -> dict[str, Floats]:
    """What a meter shows of three phases: each, rounded, and the sums of powers and means of the rest.

    Every argument has shape (n, 3), the values of the result (n,), by the names of the schema.
    """
    phases = {
        "active_power": (active_power, "W"),
        "reactive_power": (reactive_power, "var"),
        "current": (current, "A"),
        "voltage": (voltage, "V"),
        "line_voltage": (line_voltage, "V"),
    }
    shown = {name: np.round(value, DECIMALS[unit]) for name, (value, unit) in phases.items()}
    sums = {name: value.sum(axis=1) for name, value in shown.items()}
    each = {f"{phase}_{name}": value[:, column] for name, value in shown.items() for column, phase in enumerate(PHASES)}
    return each | {
        "active_power": sums["active_power"],
        "reactive_power": sums["reactive_power"],
        "current": sums["current"] / 3,
        "phase_voltage": sums["voltage"] / 3,
        "line_voltage": sums["line_voltage"] / 3,
    }


class _Nameplate:
    """What n facilities were built and installed as; every array has shape (n,) or (n, phases)."""

    def __init__(self, key: Keys) -> None:
        draw = noise.uniform(key, np.zeros(len(key)), 20, _WEAR)
        self.voltage = np.where(draw[:, 0] < 0.8, 220.0, 254.0)
        self.current = 20.0 * 20.0 ** draw[:, 1]
        self.power_factor = 0.85 + 0.11 * draw[:, 2]
        self.rise = 42.0 + 16.0 * draw[:, 3]
        self.voltage_offset = 0.008 * (draw[:, 4:7] - 0.5)
        self.current_offset = 0.05 * (draw[:, 7:10] - 0.5)
        self.pattern = np.searchsorted([0.3, 0.55, 0.8], draw[:, 10])
        self.shift_offset = 3600 * (draw[:, 11] - 0.5)
        self.level = 0.65 + 0.3 * draw[:, 12]
        self.cycle = 2400.0 + 4800.0 * draw[:, 13]
        self.room = 20.0 + 8.0 * draw[:, 14]
        self.installed = datetime(2019, 1, 1, tzinfo=UTC).timestamp() + 5 * 365 * 86400 * draw[:, 15]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Electrics:
    """What the meters of n facilities show at n moments, and where their temperature tends to."""

    running: NDArray[np.bool_]
    frequency: Floats
    power: Floats
    """W per phase, shape (n, 3), as are the next three."""
    reactive: Floats
    current: Floats
    voltage: Floats
    line_voltage: Floats
    settles_at: Floats
    """degC that the winding would reach under this load."""
    truth: Hidden


class HeatFleet:
    """The facilities of the fleet `heat`, ready to be read; one reading a facility and moment."""

    spec: FleetSpec = HEAT
    past = timedelta(hours=24)
    """Holds enough episodes of every state to learn them from; of three hours a classifier learns too little."""

    def __init__(
        self, facilities: Sequence[int], *, seed: int = 1, hours_to_degrade: float = 6.0, period: float | None = None
    ) -> None:
        """facilities: ids; hours_to_degrade: from the first sign of a condition to its worst, about."""
        if not 0.01 <= hours_to_degrade <= 10_000:
            raise BadInput(f"hours to degrade is {hours_to_degrade:g}; it must be between 0.01 and 10000")
        self.facilities = tuple(facilities)
        self.settings = f"seed={seed} hours_to_degrade={hours_to_degrade:g}"
        self._zone = ZoneInfo(self.spec.table.time_zone)
        self._hours_to_degrade = hours_to_degrade
        self._ids: Ints = np.array(facilities, dtype=np.int64)
        self._key = noise.keys(seed, self._ids)
        self._plate = _Nameplate(self._key)
        self._all: Ints = np.arange(len(facilities))
        speed = pace(hours_to_degrade)
        self._time_constant = _TIME_CONSTANT * speed
        self._period = self.spec.period.total_seconds() if period is None else period
        self._inspector = Inspector(self._key, self.facilities, period=self._period, pace=speed)
        self._columns = {field.name: DECIMALS[field.unit] for field in self.spec.table.schema.measurements}
        self._temperature, self._read_at, self._watts, self._energy = np.zeros((4, len(facilities)))

    def _start(self, at: Floats) -> None:
        """Set temperature and energy to what (seed, time) imply; `at` is epoch seconds, shape (n,)."""
        before = 4 * self._time_constant
        self._temperature = self.electrics(self._all, at - before).settles_at
        self._read_at = at - before
        self._watts = np.zeros(len(at))
        self._energy = self._plate.current * self._plate.voltage * 3 * 0.4 / 1000 * (at - self._plate.installed) / 3600
        self._energy = np.maximum(self._energy, 0.0)
        for share in np.linspace(0, 1, 41)[1:]:
            self._advance(self._all, at - before * (1 - share))

    def resume(
        self, *, now: float, readings: Mapping[int, Record], inspections: Mapping[int, Record], same_settings: bool
    ) -> None:
        """Go on where a predecessor ended: energy counters go on, owed inspections are published.

        The facilities did not stand still while nobody read them: the energy of the pause is added,
        the temperature follows from time and seed. A stretch that ended or began before the pause is
        told from the truth, which is the same only under the same settings.
        """
        self._start(np.full(len(self.facilities), now))
        known = np.array([facility in readings for facility in self.facilities])
        if not known.any():
            return
        which = self._all[known]
        last = [readings[self.facilities[index]] for index in which]
        ended = np.array([float(record["event_time"]) for record in last])
        counted = np.array([float(record["energy_total"]) for record in last])
        self._energy[which] = counted + self._energy_between(which, ended, np.full(len(which), now))
        if same_settings:
            reported = [float(inspections.get(self.facilities[index], {}).get("to_time", 0)) for index in which]
            # Before its first reading there was nothing to inspect.
            first = ended - np.array([int(record["seq"]) for record in last]) * self._period
            self._owe(which, np.maximum(np.array(reported), first), ended)

    def _energy_between(self, which: Ints, begin: Floats, end: Floats) -> Floats:
        """KWh used between (n,) moments, from 60 samples; none when the clock went back."""
        length = np.maximum(end - begin, 0.0)
        watts = [
            self.electrics(which, begin + length * share).power.sum(axis=1) for share in (np.arange(60) + 0.5) / 60
        ]
        mean: Floats = np.mean(watts, axis=0)
        return mean * length / 3.6e6

    def _owe(self, which: Ints, reported: Floats, ended: Floats) -> None:
        """Observe again what was read after the last published inspection and before the pause."""
        begin = np.maximum(reported, ended - _LONGEST_OWED)
        steps = int(np.ceil(max(0.0, float((ended - begin).max())) / self._period))
        for step in range(steps + 1):
            at = ended - (steps - step) * self._period
            wanted = at >= begin - 1e-3
            if wanted.any():
                self._inspector.observe(which[wanted], at[wanted], self.truth(which[wanted], at[wanted]))
        self._inspector.close()

    def truth(self, which: Ints, at: Floats) -> Hidden:
        """The hidden condition of facilities at indices `which`, shape (n,), at (n,) epoch seconds."""
        return hidden(self._key[which], self._ids[which], at, hours_to_degrade=self._hours_to_degrade)

    def _load(self, which: Ints, at: Floats, truth: Hidden, slow: Floats) -> Floats:
        """Share of the rated current that the work asks for, shape (n,); 0 = stands still."""
        plate, key = self._plate, self._key[which]
        offset = datetime.fromtimestamp(float(at[0]), self._zone).utcoffset()
        local = at + (offset.total_seconds() if offset else 0.0)
        hour = ((local + plate.shift_offset[which]) % 86400) / 3600
        workday = (local // 86400 + 3) % 7 < 6  # 1970-01-01 was a Thursday; Sunday is free
        lunch = np.where((hour >= 12) & (hour < 13), 0.55, 1.0)
        shape = np.choose(
            plate.pattern[which],
            [
                0.85 + 0.15 * np.sin((hour - 9) * np.pi / 12),
                np.where((hour >= 6) & (hour < 22), lunch, 0.0),
                np.where((hour >= 8) & (hour < 18) & workday, lunch, 0.0),
                np.where(at % plate.cycle[which] < 0.7 * plate.cycle[which], 0.95, 0.0),
            ],
        )
        block = np.floor(at / 7200)
        chance = noise.uniform(key, block, 3, _SHIFT)
        halt = chance[:, 1] * 6000
        halted = (chance[:, 0] < 0.12) & (at % 7200 >= halt) & (at % 7200 < halt + 240 + 900 * chance[:, 2])
        level = plate.level[which] * shape * (1 + 0.10 * slow[:, 0] + 0.05 * slow[:, 1])
        return np.where(halted | truth.in_repair | (shape == 0), 0.0, np.clip(level, 0.15, 1.1))

    def electrics(self, which: Ints, at: Floats) -> Electrics:
        """What the meters show, without memory: indices `which` and epoch seconds `at`, both (n,)."""
        plate, key, truth = self._plate, self._key[which], self.truth(which, at)
        slow = noise.wander(key, at, np.array([900.0, 150.0, 1800.0, 400.0, 700.0]), _SLOW)
        fast = noise.normal(key, np.rint(at * 1000), 21, _FAST)
        load = self._load(which, at, truth, slow)
        running = load > 0
        grade = [np.where(truth.condition == kind, truth.severity, 0.0)[:, None] for kind in range(len(CONDITIONS))]
        suffers = np.arange(3) == truth.phase[:, None]

        sag = grade[_CONTACT] * suffers * fast[:, 0:1] ** 2 * running[:, None]
        level = 1 + 0.012 * slow[:, 2:3] - 0.015 * load[:, None] + plate.voltage_offset[which] + 0.0012 * fast[:, 1:4]
        level = level - 0.012 * np.minimum(sag, 4.0) - 0.010 * grade[_IMBALANCE] * suffers
        voltage = plate.voltage[which][:, None] * level

        factor = (plate.power_factor[which] - 0.05 * (1 - load) + 0.012 * slow[:, 3])[:, None]
        factor = factor - 0.24 * grade[_FACTOR] - 0.04 * grade[_WINDING] - 0.05 * grade[_IMBALANCE] * suffers
        factor = np.clip(factor + 0.004 * fast[:, 4:7], 0.3, 0.995)

        share = 1 + plate.current_offset[which] + grade[_IMBALANCE] * np.where(suffers, 0.18, -0.09)
        share = share + grade[_WINDING] * np.where(suffers, 0.04, -0.02)
        share = share + grade[_CONTACT] * suffers * (0.09 * fast[:, 7:8] - 0.06)
        current = (load * plate.current[which] * plate.power_factor[which])[:, None] / factor * share
        current = current * (1 + 0.003 * fast[:, 8:11])

        power = voltage * current * factor * (1 + 0.003 * fast[:, 11:14])
        reactive = voltage * current * np.sqrt(1 - factor**2) * (1 + 0.004 * fast[:, 14:17])
        relative = current / plate.current[which][:, None]
        heating = 0.6 * (relative**2).mean(axis=1) + 0.4 * (relative**2).max(axis=1)
        excess = 1 + (0.85 * grade[_WINDING] + 0.30 * grade[_CONTACT])[:, 0]
        season = np.cos((at / 86400 / 365.25 - 0.55) * 2 * np.pi)
        daily = np.cos((at / 86400 - 6 / 24) * 2 * np.pi)
        room = plate.room[which] + 5 * season + 2.5 * daily + 1.5 * slow[:, 4]
        return Electrics(
            running=running,
            frequency=np.where(running, 60 + 0.03 * slow[:, 2] + 0.012 * fast[:, 20], 0.0),
            power=power,
            reactive=reactive,
            current=current,
            voltage=voltage,
            line_voltage=voltage * 3**0.5 * (1 + 0.001 * fast[:, 17:20]),
            settles_at=room + plate.rise[which] * heating * excess,
            truth=truth,
        )

    def _advance(self, which: Ints, at: Floats) -> Electrics:
        """Carry temperature and energy of the facilities to `at` and return what the meters show there."""
        shown = self.electrics(which, at)
        self._carry(which, at, shown.settles_at, shown.power.sum(axis=1))
        return shown

    def _carry(self, which: Ints, at: Floats, settles_at: Floats, watts: Floats) -> None:
        """Carry temperature and energy of the facilities to `at`, each facility once."""
        passed = np.maximum(at - self._read_at[which], 0.0)
        follow = 1 - np.exp(-passed / self._time_constant)
        self._temperature[which] += (settles_at - self._temperature[which]) * follow
        self._energy[which] += (watts + self._watts[which]) / 2 * passed / 3.6e6
        self._watts[which] = watts
        self._read_at[which] = at

    def step(self, which: Ints, at: Floats) -> tuple[dict[str, Floats], Hidden]:
        """Read facilities at indices `which` at (n,) epoch seconds; a facility's time only goes forward.

        Returns the measurements by column name, each of shape (n,), and the truth behind them.
        """
        shown = self.electrics(which, at)
        watts = shown.power.sum(axis=1)
        temperature, energy = np.empty(len(which)), np.empty(len(which))
        for rows in rounds(which):
            self._carry(which[rows], at[rows], shown.settles_at[rows], watts[rows])
            temperature[rows] = self._temperature[which[rows]]
            energy[rows] = self._energy[which[rows]]
        values = of_phases(
            active_power=shown.power,
            reactive_power=shown.reactive,
            current=shown.current,
            voltage=shown.voltage,
            line_voltage=shown.line_voltage,
        )
        jitter = noise.normal(self._key[which], np.rint(at * 1000), 1, _WEAR)[:, 0]
        values |= {
            "energy_total": energy,
            "frequency": shown.frequency,
            "temperature": temperature + 0.35 * jitter,
        }
        return {name: np.round(values[name], decimals) for name, decimals in self._columns.items()}, shown.truth

    def readings(self, which: Ints, seqs: Ints, at: Floats) -> Columns:  # noqa: ARG002 the truth knows no numbers
        """Readings of facilities at indices `which` at `at`, epoch seconds, in the order of time."""
        columns, truth = self.step(which, at)
        for rows in rounds(which):
            self._inspector.observe(which[rows], at[rows], truth.of(rows))
        return {
            "facility_id": self._ids[which].tolist(),
            "event_time": np.round(at, 3).tolist(),
            **{name: column.tolist() for name, column in columns.items()},
        }

    def inspections(self, now: float) -> list[Record]:
        """Inspections that become known by `now`, each handed out once."""
        return self._inspector.due(now)
