"""The task that stops, starts or restarts a stream app for a person."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import task

from soh.airflow_api import AirflowApi
from soh.orchestration import connections
from soh.streams.control import Action, control
from soh.yarn import ResourceManager

__all__ = ["Action", "control_app"]

log = logging.getLogger(__name__)


@task(task_id="control__app")
def control_app(*, params: dict[str, Any]) -> list[str]:
    """Do what the run's parameters ask; every step is told in the log and returned."""
    endpoints = connections.endpoints()
    told: list[str] = []

    def say(sentence: str) -> None:
        log.info(sentence)
        told.append(sentence)

    airflow = AirflowApi(endpoints.airflow, *connections.airflow_login())
    control(Action(params["action"]), params["app"], airflow, ResourceManager(endpoints.yarn), say)
    return told
