"""The hidden condition of a power facility: it begins, gets worse over hours, and is repaired.

A facility lives through episodes. An episode begins healthy, degrades, holds its worst for a while
and ends with a repair, during which the facility stands still; every other one gets as bad as
`warning`. Everything follows from (seed, facility, time), so that a restarted fleet finds its
facilities as they were. Facilities are at different ages of their episodes, spread so evenly that a
few hours of a fleet, and of every fourth facility of it, hold all states.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import numpy as np

from soh.fleet import noise
from soh.fleet.noise import Floats, Ints, Keys
from soh.specs.models import State


class Condition(StrEnum):
    """What can be wrong with a power facility."""

    HEALTHY = "healthy"
    WINDING_HEAT = "winding_heat"
    PHASE_IMBALANCE = "phase_imbalance"
    POWER_FACTOR_FALLING = "power_factor_falling"
    LOOSE_CONTACT = "loose_contact"


CONDITIONS = tuple(Condition)
STATES = (State.NORMAL, State.CAUTION, State.WARNING)

CAUTION_FROM = 0.35
WARNING_FROM = 0.70
FOUND_FROM = 0.15
"""Severity below which an inspection finds nothing."""

FULL_SCALE = timedelta(hours=4)
"""A fleet that degrades slower than this has inspections and windings of natural slowness."""

_STREAM = 1
_EPISODE = 2.25
"""Length of an episode in times from the first sign to the worst."""
_GOLDEN = 0.6180339887498949
"""Multiples of it, taken modulo 1, lie far from each other however many there are."""


def pace(hours_to_degrade: float) -> float:
    """Factor, at most 1, by which all other durations shrink with a fleet that degrades within minutes."""
    return min(1.0, hours_to_degrade * 3600 / FULL_SCALE.total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hidden:
    """The truth about n facilities at n moments; every array has shape (n,)."""

    condition: Ints
    """Index into CONDITIONS."""
    severity: Floats
    """0 = as new; the state follows from it alone."""
    phase: Ints
    """0, 1 or 2: the phase (R, S, T) that suffers, where the condition has one."""
    in_repair: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @property
    def state(self) -> Ints:
        """Index into STATES."""
        return (self.severity >= CAUTION_FROM).astype(np.int64) + (self.severity >= WARNING_FROM)

    @property
    def found(self) -> Ints:
        """Index into CONDITIONS of what an inspection would find."""
        return np.where(self.severity >= FOUND_FROM, self.condition, 0)

    def of(self, rows: Ints) -> Hidden:
        """The truth at some of the positions."""
        return Hidden(
            condition=self.condition[rows],
            severity=self.severity[rows],
            phase=self.phase[rows],
            in_repair=self.in_repair[rows],
        )


def hidden(key: Keys, facility: Ints, at: Floats, *, hours_to_degrade: float) -> Hidden:
    """The hidden condition of facilities with (n,) keys and (n,) ids at (n,) epoch seconds."""
    scale = hours_to_degrade * 3600
    length = _EPISODE * scale
    position = at / length + _age(facility)
    episode = np.floor(position)
    elapsed = (position - episode) * length

    draw = noise.uniform(key, episode + 1, 6, _STREAM)
    repair_at = length - min(1200.0, 0.04 * length)
    worst_at = repair_at - (0.05 + 0.15 * draw[:, 0]) * length
    begins_at = worst_at - (0.7 + 0.4 * draw[:, 1]) * scale
    severe = (facility // 4 + episode) % 2 == 0
    worst = np.where(severe, 0.75 + 0.4 * draw[:, 2], 0.45 + 0.2 * draw[:, 2])
    progress = np.clip((elapsed - begins_at) / (worst_at - begins_at), 0.0, 1.0)
    return Hidden(
        condition=1 + np.floor(draw[:, 3] * (len(CONDITIONS) - 1)).astype(np.int64),
        severity=worst * progress ** (0.8 + draw[:, 4]),
        phase=np.floor(draw[:, 5] * 3).astype(np.int64),
        in_repair=elapsed >= repair_at,
    )


def _age(facility: Ints) -> Floats:
    """Share of its episode by which each facility is ahead of the clock, shape (n,).

    Facilities whose ids differ by 4 are severe in turn, so that those of the same turn, whose ids differ
    by 8, must be spread for some of them to be at their worst at any time.
    """
    age: Floats = (facility // 8 * _GOLDEN + facility % 4 * 0.0365) % 1
    return age
