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
def report(day: str, compactions: dict[str, dict[str, Any]], folds: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The figures of the night, to the log and as the run's result.

    Compactions by table, on HDFS and S3, with their `total`; below `landings` folds by topic, with theirs; below
    `views` those of all tables.
    """
    packed = {**compactions, **{fold["table"]: fold["compaction"] for fold in folds.values()}}
    views = [view for figures in (*compactions.values(), *folds.values()) for view in figures["views"]]
    told = {
        "day": day,
        **{table: _without(figures, "views") for table, figures in packed.items()},
        "total": summed_up(packed),
        "landings": {
            **{topic: _without(fold, "views", "compaction") for topic, fold in folds.items()},
            "total": summed_up(folds),
        },
        "views": {view["view"]: view for view in views},
    }
    log.info(json.dumps(told, indent=2))
    return told


def _without(figures: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name not in names}
