"""The recording of a real electricity meter: reads it, and refuses what is not it.

Sathishkumar, Shin and Cho: Steel Industry Energy Consumption, UCI 851, DOI 10.24432/C52G8C, CC BY 4.0.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from soh.errors import BadInput
from soh.fleet.noise import Floats
from soh.fleet.recording import read_text

INTERVAL = timedelta(minutes=15)
"""What a row covers; its stamp is the end."""

HEADER = (
    "date",
    "Usage_kWh",
    "Lagging_Current_Reactive.Power_kVarh",
    "Leading_Current_Reactive_Power_kVarh",
    "CO2(tCO2)",
    "Lagging_Current_Power_Factor",
    "Leading_Current_Power_Factor",
    "NSM",
    "WeekStatus",
    "Day_of_week",
    "Load_Type",
)
_STAMP = "%d/%m/%Y %H:%M"
_FACTOR_WITHIN = 0.5
"""Percent by which a power factor of the file may differ from the one that its energies give."""
_WHERE = "the file must be the one of the data set as described in its README"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeterRecording:
    """Intervals of 15 minutes that follow each other without a gap; every array has shape (intervals,)."""

    begin: datetime
    """Beginning of the first interval by the meter's wall clock, which is written as if it were UTC."""
    active: Floats
    """Energy used in each interval, kWh."""
    reactive: Floats
    """Reactive energy in each interval, kvarh: lagging less leading, so that a leading load is negative."""

    def __len__(self) -> int:
        return len(self.active)


def load(path: Path) -> MeterRecording:
    """Read the file; BadInput when it is not what it should be."""
    rows = list(csv.reader(read_text(path, _WHERE).splitlines()))
    if tuple(rows[0]) != HEADER:
        raise BadInput(f"{path}, row 1 is {','.join(rows[0])!r}; it must be {','.join(HEADER)!r}: {_WHERE}")
    if len(rows) == 1:
        raise BadInput(f"{path} has no reading below its header: {_WHERE}")
    values = np.empty((len(rows) - 1, 2))
    ends: list[datetime] = []
    for number, row in enumerate(rows[1:], start=2):
        place = f"{path}, row {number}"
        if len(row) != len(HEADER):
            raise BadInput(f"{place} has {len(row)} values; it must have {len(HEADER)}: {_WHERE}")
        end = _end(place, row[0])
        if ends and end - ends[-1] != INTERVAL:
            raise BadInput(
                f"{place} ends at {end:%d/%m/%Y %H:%M} and the row before at {ends[-1]:%d/%m/%Y %H:%M}; rows must "
                f"follow each other by 15 minutes, and the one stamped 00:00 ends the day that it names: {_WHERE}"
            )
        ends.append(end)
        active, lagging, leading = (_energy(place, column, row[column]) for column in (1, 2, 3))
        for column, reactive in ((5, lagging), (6, leading)):
            _check_factor(place, column, row[column], active, reactive)
        values[number - 2] = active, lagging - leading
    return MeterRecording(begin=ends[0] - INTERVAL, active=values[:, 0], reactive=values[:, 1])


def _end(place: str, cell: str) -> datetime:
    """End of the interval that is stamped `cell`, day first; midnight belongs to the end of the named day."""
    try:
        stamp = datetime.strptime(cell, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise BadInput(f"{place}, date is {cell!r}; it must be like '31/12/2018 23:45', day first: {_WHERE}") from None
    return stamp + timedelta(days=1) if (stamp.hour, stamp.minute) == (0, 0) else stamp


def _energy(place: str, column: int, cell: str) -> float:
    energy = _number(place, column, cell)
    if not 0 <= energy <= 1e6:
        raise BadInput(f"{place}, {HEADER[column]} is {cell}; it must lie between 0 and 1000000: {_WHERE}")
    return energy


def _check_factor(place: str, column: int, cell: str, active: float, reactive: float) -> None:
    """Power factors tell that both energies are in the same unit and the columns where they should be."""
    factor = _number(place, column, cell)
    if active == 0:
        return
    expected = 100 * active / float(np.hypot(active, reactive))
    if not abs(factor - expected) <= _FACTOR_WITHIN:
        raise BadInput(
            f"{place}, {HEADER[column]} is {cell}, but the energies of the row give {expected:.2f} %; "
            f"take energies in kWh and kVarh and power factors in percent from the same copy: {_WHERE}"
        )


def _number(place: str, column: int, cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise BadInput(f"{place}, {HEADER[column]} is {cell!r}; it must be a number: {_WHERE}") from None
