"""Small files of the shape of the recorded meter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from math import hypot
from pathlib import Path

from soh.fleet.meter_file import HEADER

MONDAY = datetime(2018, 1, 1, tzinfo=UTC)
DAY = 96
WEEK = 7 * DAY

Energies = Callable[[int], tuple[float, float, float]]
"""KWh, lagging and leading kvarh of an interval, by its number."""


def working(number: int) -> tuple[float, float, float]:
    """Every interval of four weeks has energies of its own; each day ends with an hour of standstill."""
    if number % DAY >= DAY - 4:
        return 0.0, 0.0, 0.0
    return 10 + number / 100, 4 + number % 7, (number % 3) / 2


def rows(intervals: int, energies: Energies = working, begin: datetime = MONDAY) -> Iterator[list[str]]:
    for number in range(intervals):
        end = begin + timedelta(minutes=15) * (number + 1)
        named = end - timedelta(days=1) if (end.hour, end.minute) == (0, 0) else end
        active, lagging, leading = (round(value, 2) for value in energies(number))
        factors = [100 * active / hypot(active, reactive) if active else 0 for reactive in (lagging, leading)]
        values = (active, lagging, leading, 0, *(round(factor, 2) for factor in factors))
        seconds = end.hour * 3600 + end.minute * 60
        words = ("Weekend" if named.weekday() > 4 else "Weekday", f"{named:%A}", "Light_Load")
        yield [f"{named:%d/%m/%Y %H:%M}", *(f"{value:g}" for value in values), f"{seconds}", *words]


def write(path: Path, intervals: int, energies: Energies = working, begin: datetime = MONDAY) -> Path:
    lines = [",".join(row) for row in (HEADER, *rows(intervals, energies, begin))]
    path.write_text("\n".join(lines) + "\n")
    return path
