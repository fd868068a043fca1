"""The recording of a real hydraulic test rig: reads it, and refuses what is not it.

Helwig, Pignanelli, Schütze (ZeMA): Condition monitoring of hydraulic systems, UCI 447,
DOI 10.24432/C5CW21, CC BY 4.0.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soh.errors import BadInput
from soh.fleet.noise import Floats, Ints
from soh.specs.models import State

SAMPLES = 60
"""Values in a row: one cycle of 60 seconds at 1 Hz."""
READINGS = 12
"""Readings that a cycle is sent as: means of 5 s each."""

GRADES_FILE = "cycles.csv"
GRADES_HEADER = ("cycle", "cooler_pct", "valve_pct", "pump_leak", "accumulator_bar", "stable", "condition")

COOLER = {100: State.NORMAL, 20: State.WARNING, 3: State.DANGER}
PUMP = {0: State.NORMAL, 1: State.CAUTION, 2: State.WARNING}

_WHERE = "the folder must hold the files of the data set as described in its README"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Channel:
    """One file, and bounds that tell its unit from others (degC from degF or K, kW from W, % from shares)."""

    name: str
    unit: str
    low: float
    high: float
    reaches: float
    """The largest value of the file is at least this."""

    @property
    def file(self) -> str:
        return f"{self.name.upper()}.txt"


CHANNELS = (
    *(_Channel(name=f"ts{number}", unit="degC", low=5, high=90, reaches=25) for number in range(1, 5)),
    _Channel(name="vs1", unit="mm/s", low=0, high=20, reaches=0.3),
    _Channel(name="ce", unit="%", low=0, high=100, reaches=5),
    _Channel(name="cp", unit="kW", low=0, high=10, reaches=0.5),
    _Channel(name="se", unit="%", low=0, high=110, reaches=5),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """Cycles of the rig in the order of time."""

    values: Floats
    """Means over 5 s, shape (cycles, READINGS, channels), in the order of CHANNELS."""
    grades: Ints
    """The experimenters' grades, shape (cycles, columns of GRADES_HEADER)."""

    def __len__(self) -> int:
        return len(self.grades)

    def grade(self, cycle: int) -> dict[str, int]:
        """Row of the grades file for the cycle at index `cycle`."""
        return dict(zip(GRADES_HEADER, self.grades[cycle].tolist(), strict=True))


def fold(*, cooler_pct: int, pump_leak: int) -> State:
    """State of health from the experimenters' grades: the worse of cooler and pump."""
    order = list(State)
    return max(COOLER[cooler_pct], PUMP[pump_leak], key=order.index)


def load(folder: Path) -> Recording:
    """Read `folder`, or its subfolder `hydraulic`; BadInput when a file is not what it should be."""
    if (folder / "hydraulic").is_dir():
        folder = folder / "hydraulic"
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder; --data must name the folder with the recorded data")
    grades = _read_grades(folder / GRADES_FILE)
    values = np.empty((len(grades), READINGS, len(CHANNELS)))
    for column, channel in enumerate(CHANNELS):
        samples = _read_channel(folder / channel.file, channel)
        if len(samples) != len(grades):
            raise BadInput(
                f"{folder / channel.file} has {len(samples)} rows, but {GRADES_FILE} has {len(grades)} cycles; "
                f"take both from the same copy of the data set"
            )
        values[:, :, column] = samples.reshape(len(samples), READINGS, -1).mean(axis=2)
    return Recording(values=values, grades=grades)


def _read_channel(path: Path, channel: _Channel) -> Floats:
    """Samples of one file, shape (rows, SAMPLES)."""
    text = read_text(path, _WHERE)
    try:
        samples = np.loadtxt(text.splitlines(), delimiter="\t", comments=None, ndmin=2)
    except ValueError:
        raise _wrong_row(path, text) from None
    if samples.shape[1] != SAMPLES:
        raise _wrong_row(path, text)
    outside = np.argwhere(~((samples >= channel.low) & (samples <= channel.high)))
    if len(outside):
        row, column = outside[0]
        raise BadInput(
            f"{path}, row {row + 1}, value {column + 1} is {samples[row, column]:g}; {channel.name.upper()} in "
            f"{channel.unit} lies between {channel.low:g} and {channel.high:g}: convert the file to {channel.unit}"
        )
    if samples.max() < channel.reaches:
        raise BadInput(
            f"{path} is never above {samples.max():g}; {channel.name.upper()} in {channel.unit} reaches "
            f"{channel.reaches:g}: convert the file to {channel.unit}"
        )
    return samples


def _wrong_row(path: Path, text: str) -> BadInput:
    """Name the first row that is not SAMPLES numbers."""
    for number, line in enumerate(text.splitlines(), start=1):
        cells = line.split("\t")
        if len(cells) != SAMPLES:
            return BadInput(
                f"{path}, row {number} has {len(cells)} values; a row must be one cycle of {SAMPLES} "
                f"tab-separated numbers: {_WHERE}"
            )
        for column, cell in enumerate(cells, start=1):
            try:
                float(cell)
            except ValueError:
                return BadInput(f"{path}, row {number}, value {column} is {cell!r}; it must be a number: {_WHERE}")
    return BadInput(f"{path} is not {SAMPLES} tab-separated numbers a row: {_WHERE}")


def _read_grades(path: Path) -> Ints:
    """Rows of the grades file, shape (cycles, columns)."""
    rows = list(csv.reader(read_text(path, _WHERE).splitlines()))
    header = tuple(rows[0])
    if header != GRADES_HEADER:
        raise BadInput(f"{path}, row 1 is {','.join(header)!r}; it must be {','.join(GRADES_HEADER)!r}: {_WHERE}")
    grades: list[list[int]] = []
    for number, row in enumerate(rows[1:], start=2):
        try:
            values = [int(cell) for cell in row]
        except ValueError:
            raise BadInput(f"{path}, row {number} is {','.join(row)!r}; it must be whole numbers: {_WHERE}") from None
        if len(values) != len(header):
            raise BadInput(f"{path}, row {number} has {len(values)} values; it must have {len(header)}: {_WHERE}")
        cycle, cooler, _, pump, *_ = values
        if cooler not in COOLER or pump not in PUMP:
            raise BadInput(
                f"{path}, row {number} grades the cooler {cooler} and the pump {pump}; the grades are "
                f"{sorted(COOLER)} and {sorted(PUMP)}: {_WHERE}"
            )
        if grades and cycle <= grades[-1][0]:
            raise BadInput(f"{path}, row {number} is cycle {cycle} after {grades[-1][0]}; sort the rows by cycle")
        grades.append(values)
    if not grades:
        raise BadInput(f"{path} has no cycle below its header: {_WHERE}")
    return np.array(grades, dtype=np.int64)


def read_text(path: Path, where: str) -> str:
    """Content of a file with recorded data; BadInput, which ends with `where` to find it, when it has none."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path} is missing: {where}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as text ({error}): {where}") from None
    if not text.strip():
        raise BadInput(f"{path} is empty: {where}")
    return text
