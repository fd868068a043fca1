"""What every night does to a table: fold what has landed, pack the day, then bring its views up to date."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import asdict
from datetime import date
from typing import Any

from soh.lake.engine import Engine
from soh.lake.fold import fold
from soh.lake.landing import Landing
from soh.lake.packing import compact
from soh.lake.viewing import refresh
from soh.specs import FleetSpec, TableSpec
from soh.specs.views import views_of

log = logging.getLogger(__name__)


def close_day(
    engine: Engine, spec: TableSpec, day: date, name: str, *, viewed_too: Collection[date] = ()
) -> dict[str, Any]:
    """Pack `day` of a table and refresh the views of it, and of the days `viewed_too`; the figures of both.

    `name` is the engine's in the figures. Raises what `compact` and `refresh` raise; safe to repeat like both.
    """
    packed = compact(engine.table(spec), spec, day, name)
    log.info("%s on %s: %s", packed.table, packed.day, packed.verdict)
    views = refresh(engine, spec, views_of(spec), {day, *viewed_too}, packed.started_at)
    return {**asdict(packed), "views": views}


def close_grades(engine: Engine, fleet: FleetSpec, landing: Landing, day: date, name: str) -> dict[str, Any]:
    """Fold what has landed of the fleet's grades, then close `day` of their table; the figures of all.

    Raises what `fold` and `close_day` raise; safe to repeat like both.
    """
    spec = fleet.grades_table
    folded = fold(engine, spec, fleet.scores, landing, name)
    log.info("%s: %s", folded.table, folded.verdict)
    # A grade may land nights after its day; a day that has not ended is left to its own night.
    late = [found for found in folded.days if found < day]
    closed = close_day(engine, spec, day, name, viewed_too=late)
    views = closed.pop("views")
    return {**asdict(folded), "compaction": closed, "views": views}
