"""Batch views: what a facility did in an hour or in a day, computed from the lake when the day is closed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from soh.errors import BadDeclaration
from soh.specs import tables
from soh.specs._names import by_name
from soh.specs.models import State
from soh.specs.schemas import Field, FieldType
from soh.specs.tables import StoredSpec, TableSpec

GRADE = "pred"
"""The field of a grade that holds the state; a view counts each of them."""


class Grain(StrEnum):
    """What one row of a view is about, beside its facility."""

    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSpec(StoredSpec):
    """One view: per facility and hour (or day) the mean, least and greatest of each measurement, and counts.

    Columns are `facility_id`, `hour_start` (timestamp, UTC; hourly views only), `rows`, `first_time`, `last_time`, for
    each measurement M of the table `M_mean`, `M_min` and `M_max` in its unit, for a table of grades the number of rows
    in each state, and `event_date`, the partition.
    """

    of: TableSpec
    grain: Grain

    def __post_init__(self) -> None:
        StoredSpec.__post_init__(self)
        if self.store is not self.of.store:
            raise BadDeclaration(f"view {self.name} is on {self.store}, {self.of.name} on {self.of.store}")

    @property
    def measurements(self) -> tuple[Field, ...]:
        return self.of.schema.measurements

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that tell one row from the others."""
        return ("event_date", "facility_id", *(("hour_start",) if self.grain is Grain.HOUR else ()))

    @property
    def states(self) -> tuple[State, ...]:
        """States that are counted; none where the table holds no grades."""
        return states_of(self.of)


def states_of(table: TableSpec) -> tuple[State, ...]:
    """States that the views of a table count; none where it holds no grades."""
    graded = any(field.name == GRADE and field.type is FieldType.STRING for field in table.columns)
    return tuple(State) if graded else ()


def _view(table: TableSpec, grain: Grain, name: str, description: str) -> ViewSpec:
    return ViewSpec(name=name, description=description, store=table.store, of=table, grain=grain)


VIEWS = by_name(
    _view(tables.HEAT_RAW, Grain.HOUR, "heat_hourly", "What each power facility measured, by the hour."),
    _view(tables.HEAT_RAW, Grain.DAY, "heat_daily", "What each power facility measured, by the day."),
    _view(tables.HYDRAULIC_RAW, Grain.HOUR, "hydraulic_hourly", "What each power unit measured, by the hour."),
    _view(tables.HYDRAULIC_RAW, Grain.DAY, "hydraulic_daily", "What each power unit measured, by the day."),
    _view(tables.HEAT_GRADES, Grain.HOUR, "heat_grades_hourly", "How each power facility was graded, by the hour."),
    _view(tables.HEAT_GRADES, Grain.DAY, "heat_grades_daily", "How each power facility was graded, by the day."),
    _view(tables.HYDRAULIC_GRADES, Grain.HOUR, "hydraulic_grades_hourly", "How each unit was graded, by the hour."),
    _view(tables.HYDRAULIC_GRADES, Grain.DAY, "hydraulic_grades_daily", "How each unit was graded, by the day."),
)


def views_of(table: TableSpec) -> tuple[ViewSpec, ...]:
    """The views that are computed from `table`."""
    return tuple(view for view in VIEWS.values() if view.of == table)
