"""How long the tests may take, as declared in tests/budget.toml, against how long they took."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from soh.settings import PROJECT

FILE = PROJECT / "tests" / "budget.toml"
WHOLE = "all"
"""The key of a whole suite, beside those of its modules."""

Budget = Mapping[str, Mapping[str, float]]
"""Seconds by suite and module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one suite took, in seconds."""

    whole: float
    modules: Mapping[str, float]


def read(file: Path = FILE) -> Budget:
    """The budget as declared."""
    return tomllib.loads(file.read_text())


def by_module(seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds of tests, summed up by module; what tests share keeps its name."""
    found: dict[str, float] = {}
    for test, spent in seconds.items():
        module = PurePosixPath(test.partition("::")[0]).stem
        found[module] = found.get(module, 0.0) + spent
    return found


def report(budget: Budget, measured: Mapping[str, Measured]) -> list[str]:
    """Lines for a person: minutes of each suite against its budget, and of the modules that are over theirs."""
    measured = {suite: took for suite, took in measured.items() if suite in budget}
    if not measured:
        return []
    lines = [f"  {'minutes':<30} {'measured':>8} {'budget':>8}"]
    for suite, took in measured.items():
        allowed = budget[suite]
        lines.append(_line(suite, took.whole, allowed[WHOLE]))
        lines += [
            _line(f"  {module}", seconds, allowed[module])
            for module, seconds in took.modules.items()
            if seconds > allowed.get(module, float("inf"))
        ]
    if len(measured) > 1:
        limit = sum(budget[suite][WHOLE] for suite in measured)
        lines.append(_line(WHOLE, sum(took.whole for took in measured.values()), limit))
    return lines


def _line(name: str, seconds: float, allowed: float) -> str:
    over = "  over its budget" if seconds > allowed else ""
    return f"  {name:<30} {seconds / 60:8.1f} {allowed / 60:8.1f}{over}"
