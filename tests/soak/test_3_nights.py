"""Nights with much to do and with nothing to do."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from soh.specs import FLEETS, TABLES, VIEWS

WITHIN = timedelta(minutes=20)


@pytest.fixture(scope="module", autouse=True)
def no_training(platform):
    """No training follows a night: it would wait in the same pool."""
    platform.airflow.pause("soh_retrain")
    yield
    platform.airflow.forget_events("soh_retrain")
    platform.airflow.unpause("soh_retrain")


def report_of_a_night(api, conf=None):
    run_id = api.trigger("batch_nightly", conf)
    run = api.wait("batch_nightly", run_id, WITHIN)
    assert run.state == "success", {t.task_id: t.state for t in api.task_instances("batch_nightly", run_id)}
    return api.xcom("batch_nightly", run_id, "report")


def test_triggered_through_rest_without_a_day_it_finds_that_the_last_closed_one_needs_nothing_more(platform):
    report = report_of_a_night(platform.airflow)
    assert not [name for name in TABLES if report.get(name, {}).get("compacted")]
    assert not [name for name, view in report["views"].items() if view["refreshed"]]


def test_a_night_of_today_packs_folds_and_refreshes_every_view(platform):
    today = datetime.now(ZoneInfo(FLEETS["heat"].table.time_zone)).date().isoformat()
    report = report_of_a_night(platform.airflow, {"day": today, "only_closed": False})
    assert report["heat_raw"]["compacted"]
    assert report["landings"][FLEETS["heat"].scores.name]["missing"] == 0
    assert set(report["views"]) == set(VIEWS)
