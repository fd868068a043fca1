"""Fleets: a kind of facility, what it sends, and how its day and its states are named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from soh.errors import BadDeclaration
from soh.specs import tables, topics
from soh.specs._names import by_name, check_name
from soh.specs.tables import TableSpec
from soh.specs.topics import TopicSpec


class State(StrEnum):
    """State of health, from best to worst."""

    NORMAL = "normal"
    CAUTION = "caution"
    WARNING = "warning"
    DANGER = "danger"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSpec:
    """One kind of facility."""

    name: str
    description: str
    readings: TopicSpec
    inspections: TopicSpec
    table: TableSpec
    states: tuple[State, ...]
    facilities: int
    first_facility: int
    period: timedelta = timedelta(seconds=5)
    """Time between two readings of one facility."""
    lateness: timedelta = timedelta(minutes=10)
    """A day is closed when every record sent until this long after its end is in the lake."""
    needs_data: bool = False
    """True for a fleet that replays a recording and is off where the recording is not found."""

    def __post_init__(self) -> None:
        check_name("fleet", self.name)
        if self.table.schema != self.readings.schema:
            raise BadDeclaration(
                f"fleet {self.name}: {self.table.name} does not hold what {self.readings.name} carries"
            )
        if self.facilities < 1 or self.first_facility < 0:
            raise BadDeclaration(f"fleet {self.name}: needs at least one facility, numbered from 0 up")


HEAT = FleetSpec(
    name="heat",
    description="Power facilities: three-phase meters and a winding temperature (virtual fleet).",
    readings=topics.HEAT,
    inspections=topics.HEAT_INSPECTIONS,
    table=tables.HEAT_RAW,
    states=(State.NORMAL, State.CAUTION, State.WARNING),
    facilities=74,
    first_facility=100,
)
HYDRAULIC = FleetSpec(
    name="hydraulic",
    description="Hydraulic power units: replay of a real test rig (ZeMA, UCI 447, CC BY 4.0).",
    readings=topics.HYDRAULIC,
    inspections=topics.HYDRAULIC_INSPECTIONS,
    table=tables.HYDRAULIC_RAW,
    states=(State.NORMAL, State.CAUTION, State.WARNING, State.DANGER),
    facilities=8,
    first_facility=1000,
    needs_data=True,
)

FLEETS = by_name(HEAT, HYDRAULIC)
