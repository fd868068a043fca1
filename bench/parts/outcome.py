"""What a bench found out, as a table for people and as one line of JSON for machines."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from soh.errors import SohError


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The figures of one run. A figure whose correctness check failed is not among them."""

    name: str
    figures: Mapping[str, float]
    faults: Sequence[str]
    """What was wrong with the results that were measured; none makes the run correct."""
    notes: Sequence[str] = ()

    @property
    def correct(self) -> bool:
        return not self.faults

    def as_json(self) -> str:
        """One object on one line."""
        content = {"name": self.name, "correct": self.correct, "figures": self.figures, "machine": machine()}
        return json.dumps({**content, "figures": {name: round(value, 3) for name, value in self.figures.items()}})


def show(outcome: Outcome, *, as_json: bool) -> int:
    """Print the outcome, with `as_json` as the last line too; the exit code is 0 for a correct run."""
    console = Console()
    table = Table("figure", "value", title=f"{outcome.name}: {'correct' if outcome.correct else 'NOT CORRECT'}")
    table.columns[1].justify = "right"
    for name, value in outcome.figures.items():
        table.add_row(name, f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.3f}")
    console.print(table)
    for fault in outcome.faults:
        console.print(f"wrong: {fault}", markup=False)
    for note in (*outcome.notes, ", ".join(f"{name} {value}" for name, value in machine().items())):
        console.print(note, markup=False)
    if as_json:
        print(outcome.as_json(), flush=True)
    return 0 if outcome.correct else 1


@contextmanager
def failing_as(name: str) -> Iterator[None]:
    """End the program with what went wrong, under the name of the bench; the stack tells a person nothing."""
    try:
        yield
    except SohError as error:
        sys.exit(f"soh bench {name}: {error}")


def machine() -> dict[str, str | int | float]:
    """The machine that the figures are of."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "cores": len(os.sched_getaffinity(0)),
        "processor": models[0] if models else platform.machine(),
        "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
        "load_5_min": round(os.getloadavg()[1], 2),
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
