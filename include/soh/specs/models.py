"""State-of-health models: what they look at, how they are tested, and what a new one must prove."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from soh.errors import BadDeclaration
from soh.specs._names import by_name, check_name

CHAMPION = "champion"
"""The alias in the model registry under which the scoring stream finds the model to use."""


class State(StrEnum):
    """State of health, from best to worst, and the two words for a facility that has no grade."""

    NORMAL = "normal"
    CAUTION = "caution"
    WARNING = "warning"
    DANGER = "danger"
    IDLE = "idle"
    """The machine stands still: there is nothing to grade."""
    UNKNOWN = "unknown"
    """Too little is known: no model and no rule, a window that is not full, a reading that came too late."""


class Statistic(StrEnum):
    """What is computed of one channel over the trailing window, wherever in a machine's cycle it begins."""

    MEAN = "mean"
    STD = "std"
    """Of the population: 0 for a single reading."""
    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """The trailing window of one facility and what is computed of it; its order is the order of the model's inputs."""

    channels: tuple[str, ...]
    """Fields of the reading, or power factors and unbalances of the fleet."""
    statistics: tuple[Statistic, ...] = tuple(Statistic)
    window: timedelta = timedelta(seconds=60)
    """A reading at t is graded from those of its facility in (t - window, t]."""
    least_readings: int = 1
    """A window with fewer readings is not graded."""
    lateness: timedelta = timedelta(seconds=60)
    """How far behind its facility's newest a reading may be and still find its own window complete."""

    def __post_init__(self) -> None:
        if not self.channels or not self.statistics:
            raise BadDeclaration("features: needs at least one channel and one statistic")
        if self.window <= timedelta(0) or self.lateness < timedelta(0) or self.least_readings < 1:
            raise BadDeclaration("features: window must be above 0, lateness at least 0, least_readings at least 1")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the model's inputs: all statistics of the first channel, then of the next."""
        return tuple(f"{channel}_{statistic}" for channel in self.channels for statistic in self.statistics)


class HoldOutBy(StrEnum):
    """By what rows are kept from training. Never by themselves: neighbours are near copies."""

    CONDITION = "condition"
    FACILITY = "facility"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOut:
    """The part of the labelled windows that a model is tested on and never sees: `key % every == remainder`."""

    by: HoldOutBy
    every: int = 4
    remainder: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.remainder < self.every or self.every < 2:
            raise BadDeclaration("hold-out: every must be at least 2, and remainder below it")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """What a challenger must reach on the hold-out to become champion."""

    macro_f1: float
    """At least."""
    class_f1: float
    """At least, for each state of the hold-out."""
    may_lose: float = 0.005
    """How much macro-F1 a challenger may have less than the champion on the same rows; newer data is worth it."""
    class_may_lose: float = 0.02
    """The same for the F1 of each state."""
    largest: int = 16 * 1024 * 1024
    """Bytes of the artefact."""
    slowest: timedelta = timedelta(milliseconds=50)
    """For 1,000 rows on one core."""

    def __post_init__(self) -> None:
        if not (0 <= self.class_f1 <= self.macro_f1 <= 1):
            raise BadDeclaration("gate: 0 <= class_f1 <= macro_f1 <= 1 must hold")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningSpec:
    """How a model is taught; the trees are small, because a large one learns facilities by heart."""

    rounds: int = 100
    """Boosting rounds, one tree for each state in each."""
    leaves: int = 15
    """Of one tree, at most."""
    rate: float = 0.1
    seed: int = 7
    most_windows: int = 60_000
    """Labelled windows beyond this number are thinned, hold-out included: the driver's memory is bounded."""
    reach: timedelta = timedelta(days=14)
    """Readings older than the newest inspection by more than this are not looked at."""

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.leaves < 2 or self.rate <= 0 or self.most_windows < 1 or self.reach <= timedelta(0):
            raise BadDeclaration("learning: rounds, rate, most_windows and reach must be above 0, leaves at least 2")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One registered model, with a version for each training that passed the gate or failed it."""

    name: str
    description: str
    states: tuple[State, ...]
    """What it tells apart; a class number is an index into this."""
    features: FeatureSpec
    hold_out: HoldOut
    gate: GateSpec
    learning: LearningSpec = LearningSpec()

    def __post_init__(self) -> None:
        check_name("model", self.name)
        if len(self.states) < 2 or {State.IDLE, State.UNKNOWN} & set(self.states):
            raise BadDeclaration(f"model {self.name}: tells at least two states apart, idle and unknown not among them")


SOH_HEAT = ModelSpec(
    name="soh_heat",
    description="State of health of a power facility from its three-phase meter and winding temperature.",
    states=(State.NORMAL, State.CAUTION, State.WARNING),
    features=FeatureSpec(
        # Nothing that tells a large facility from a small one: it is tested on facilities that it never saw.
        channels=("temperature", "pf", "r_pf", "s_pf", "t_pf", "current_unbalance", "voltage_unbalance"),
    ),
    hold_out=HoldOut(by=HoldOutBy.FACILITY),
    gate=GateSpec(macro_f1=0.70, class_f1=0.50),
)
SOH_HYDRAULIC = ModelSpec(
    name="soh_hydraulic",
    description="State of health of a hydraulic power unit: the worse of its cooler and its pump.",
    states=(State.NORMAL, State.CAUTION, State.WARNING, State.DANGER),
    features=FeatureSpec(channels=("ts1", "ts2", "ts3", "ts4", "vs1", "ce", "cp", "se"), least_readings=12),
    hold_out=HoldOut(by=HoldOutBy.CONDITION),
    gate=GateSpec(macro_f1=0.95, class_f1=0.90),
)

MODELS = by_name(SOH_HEAT, SOH_HYDRAULIC)
