"""Fleets: a kind of facility, what it sends, and how its day and its states are named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from soh.errors import BadDeclaration
from soh.specs import models, tables, topics
from soh.specs._names import by_name, check_name
from soh.specs.models import ModelSpec, State
from soh.specs.schemas import PHASES
from soh.specs.tables import TableSpec
from soh.specs.topics import TopicSpec

LONGEST_PAST = timedelta(days=30)
"""How long before its first start a fleet may be told to have begun."""


class HistoryState(StrEnum):
    """How far the history of a fleet is; the text is the metadata of its group's commits."""

    SENDING = "being sent"
    SENT = "sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerFactor:
    """A power factor P / sqrt(P^2 + Q^2), 0 when P = 0, computed from two fields of a reading."""

    name: str
    active: str
    reactive: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbalance:
    """How unequal three phases are: the largest deviation from their mean by that mean (NEMA MG 1), 0 when it is 0."""

    name: str
    phases: tuple[str, str, str]
    """Fields of a reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerFactorRule:
    """The grade of a fleet that has no champion yet, by its power factor alone (KEPCO's criteria)."""

    power_factor: str
    caution_below: float = 0.80
    warning_up_to: float = 0.60

    NAME: ClassVar[str] = "rule"
    """What stands for the model's version on a reading that was graded so."""

    def __post_init__(self) -> None:
        if not 0 < self.warning_up_to < self.caution_below <= 1:
            raise BadDeclaration("power factor rule: 0 < warning_up_to < caution_below <= 1 must hold")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSpec:
    """One kind of facility."""

    name: str
    description: str
    readings: TopicSpec
    inspections: TopicSpec
    table: TableSpec
    inspections_table: TableSpec
    scores: TopicSpec
    """Where the scoring stream sends a grade for each reading."""
    grades_table: TableSpec
    """What those grades are folded into."""
    model: ModelSpec
    temperature: str
    """The field that dashboards show as the facility's temperature."""
    power_factors: tuple[PowerFactor, ...] = ()
    unbalances: tuple[Unbalance, ...] = ()
    idle_at_zero: str | None = None
    """A facility whose reading has 0 in this field stands still."""
    rule: PowerFactorRule | None = None
    """How readings are graded before there is a champion; None says unknown."""
    facilities: int
    first_facility: int
    period: timedelta = timedelta(seconds=5)
    """Time between two readings of one facility."""
    lateness: timedelta = timedelta(minutes=10)
    """A day is closed when every record sent until this long after its end is in the lake."""
    needs_data: bool = False
    """True for a fleet that replays a recording and is off where the recording is not found."""

    @property
    def history_group(self) -> str:
        """The consumer group whose commits say where the fleet's history ends on its topics; it reads nothing."""
        return f"history_of_{self.name}"

    @property
    def states(self) -> tuple[State, ...]:
        """The states that its facilities are graded by, from best to worst."""
        return self.model.states

    @property
    def inputs(self) -> frozenset[str]:
        """Names of the channels of its model, and of the fields that they, power factors and idleness come from."""
        return frozenset(
            {
                *self.model.features.channels,
                *(field for pf in self.power_factors for field in (pf.active, pf.reactive)),
                *(phase for unbalance in self.unbalances for phase in unbalance.phases),
                *((self.idle_at_zero,) if self.idle_at_zero else ()),
            }
        )

    def __post_init__(self) -> None:
        check_name("fleet", self.name)
        if self.table.schema != self.readings.schema:
            raise BadDeclaration(
                f"fleet {self.name}: {self.table.name} does not hold what {self.readings.name} carries"
            )
        if self.grades_table.schema != self.scores.schema:
            raise BadDeclaration(
                f"fleet {self.name}: {self.grades_table.name} does not hold what {self.scores.name} carries"
            )
        derived = {pf.name for pf in self.power_factors} | {unbalance.name for unbalance in self.unbalances}
        known = {field.name for field in self.readings.schema.fields} | derived
        wanted = {self.temperature, *self.inputs}
        if self.rule:
            wanted.add(self.rule.power_factor)
        if missing := sorted(wanted - known):
            raise BadDeclaration(f"fleet {self.name}: neither its readings nor what is derived of them has {missing}")
        if self.facilities < 1 or self.first_facility < 0:
            raise BadDeclaration(f"fleet {self.name}: needs at least one facility, numbered from 0 up")


HEAT = FleetSpec(
    name="heat",
    description="Power facilities: three-phase meters and a winding temperature (virtual fleet).",
    readings=topics.HEAT,
    inspections=topics.HEAT_INSPECTIONS,
    table=tables.HEAT_RAW,
    inspections_table=tables.HEAT_INSPECTIONS,
    scores=topics.HEAT_PF,
    grades_table=tables.HEAT_GRADES,
    model=models.SOH_HEAT,
    temperature="temperature",
    power_factors=(
        PowerFactor(name="pf", active="active_power", reactive="reactive_power"),
        *(
            PowerFactor(name=f"{phase}_pf", active=f"{phase}_active_power", reactive=f"{phase}_reactive_power")
            for phase in PHASES
        ),
    ),
    unbalances=(
        Unbalance(name="current_unbalance", phases=("r_current", "s_current", "t_current")),
        Unbalance(name="voltage_unbalance", phases=("r_voltage", "s_voltage", "t_voltage")),
    ),
    idle_at_zero="active_power",
    rule=PowerFactorRule(power_factor="pf"),
    facilities=74,
    first_facility=100,
)
HYDRAULIC = FleetSpec(
    name="hydraulic",
    description="Hydraulic power units: replay of a real test rig (ZeMA, UCI 447, CC BY 4.0).",
    readings=topics.HYDRAULIC,
    inspections=topics.HYDRAULIC_INSPECTIONS,
    table=tables.HYDRAULIC_RAW,
    inspections_table=tables.HYDRAULIC_INSPECTIONS,
    scores=topics.HYDRAULIC_SOH,
    grades_table=tables.HYDRAULIC_GRADES,
    model=models.SOH_HYDRAULIC,
    temperature="ts1",
    facilities=8,
    first_facility=1000,
    needs_data=True,
)

FLEETS = by_name(HEAT, HYDRAULIC)
