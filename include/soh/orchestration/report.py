"""What a night did, in one object."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from airflow.sdk import task

log = logging.getLogger(__name__)


def summed_up(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Add up whatever is a number in the tables' figures, by name."""
    total: Counter[str] = Counter()
    for figures in tables.values():
        total.update({name: value for name, value in figures.items() if type(value) in (int, float)})
    return dict(total)


@task(task_id="report")
def report(day: str, tables: dict[str, dict[str, Any]], landings: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The figures of every table by its name and of every fold by its topic, each with `total`: log, and result."""
    folded = {**landings, "total": summed_up(landings)}
    told = {"day": day, **tables, "total": summed_up(tables), "landings": folded}
    log.info(json.dumps(told, indent=2))
    return told
