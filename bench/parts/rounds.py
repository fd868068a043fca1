"""Rounds of several sides on the same records: what they found, and what follows from it; no input or output here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Content = Mapping[str, float]
"""What came out of a round, summed up: `records` and sums over columns, by name."""

_TOLERANCE = 1e-9
"""Relative, of a sum of doubles: in which order they are added is nobody's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One turn of one side."""

    seconds: float
    """Wall time of the work."""
    start_seconds: float
    """Wall time before it: of the query, the client or the group that had to be there first."""
    cpu_seconds: float
    """Of all processes of the side, from the beginning of the start to the end of the work."""
    found: Content


def round_faults(side: str, number: int, found: Content, expected: Content) -> list[str]:
    """What is wrong with a round; every name that the side found is compared, `records` in any case."""
    return [
        f"{side}, round {number}: {name} is {found.get(name)}, not {expected.get(name)}"
        for name in ("records", *sorted(found.keys() - {"records"}))
        if not _same(found.get(name), expected.get(name))
    ]


def figures(rounds: Mapping[str, Sequence[Round]], records: int) -> dict[str, float]:
    """Figures of the sides whose rounds are all correct, named after them; medians over the rounds."""
    found: dict[str, float] = {}
    for side, turns in rounds.items():
        found[f"{side}_per_s"] = records / median(turn.seconds for turn in turns)
    for side in ("to_lake", "scoring"):
        if ratio := ratio_of(found, side, "noop"):
            found[f"{side}_ratio"] = ratio
    for side, turns in rounds.items():
        found[f"{side}_seconds"] = median(turn.seconds for turn in turns)
        found[f"{side}_start_seconds"] = median(turn.start_seconds for turn in turns)
        found[f"{side}_cpu_seconds"] = median(turn.cpu_seconds for turn in turns)
    return found


def ratio_of(found: Mapping[str, float], side: str, to: str) -> float | None:
    """How many records a side does a second, by those of another; None where one of the two has no figure."""
    mine, other = found.get(f"{side}_per_s"), found.get(f"{to}_per_s")
    return None if mine is None or other is None else mine / other


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return False
    return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
