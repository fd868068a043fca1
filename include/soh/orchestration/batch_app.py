"""A batch app as a task: run it on YARN, read its figures from HDFS, pass them on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from airflow.sdk import Context

from soh.errors import AppFailed, AppLost, BadInput
from soh.hdfs import Hdfs
from soh.orchestration.app_triggers import AppTrigger
from soh.orchestration.spark_app import SparkAppOperator
from soh.settings import Endpoints
from soh.specs import BatchAppSpec
from soh.streams.launch import run_tag, work_tag
from soh.submit import batch_arguments
from soh.yarn import AppState, YarnApp


class BatchAppOperator(SparkAppOperator):
    """Run a batch app to its end; its figures are the task's result and the extra of its asset events.

    A retry adopts the app of the try before it if that still runs; what an earlier run of the same task
    left alive is killed first.
    """

    app: BatchAppSpec

    def __init__(self, *, app: BatchAppSpec, arguments: Sequence[str], **kwargs: Any) -> None:
        super().__init__(app=app, application_args=list(arguments), **kwargs)

    def run_tag(self, context: Context) -> str:
        return run_tag(self.dag_id, context["run_id"], self.task_id)

    def work_tag(self, context: Context) -> str:  # noqa: ARG002
        return work_tag(self.dag_id, self.task_id)

    def arguments(self, endpoints: Endpoints, run_tag: str) -> list[str]:
        return batch_arguments(self.app, endpoints, self.application_args or [], run_tag)

    def trigger(self, app_id: str, endpoints: Endpoints) -> AppTrigger:
        return AppTrigger(app_id=app_id, endpoints=asdict(endpoints))

    def ended(self, app: YarnApp, endpoints: Endpoints, context: Context) -> dict[str, Any]:
        if not app.succeeded:
            # An app that has failed by its own account says so to YARN before it ends: FINISHED. FAILED means
            # that it died before it could.
            lost = app.state is AppState.FAILED or app.asks_for_another_try
            raise AppLost(app.ending) if lost else AppFailed(app.ending)
        figures = _figures(endpoints, endpoints.batch_result(self.run_tag(context)))
        self.log.info("%s: %s", app.id, json.dumps(figures))
        return self.done(figures, context)

    def done(self, figures: dict[str, Any], context: Context) -> dict[str, Any]:
        """The figures of what is done, as the task's result and the extra of its asset events."""
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra.update(figures)
        return figures


def _figures(endpoints: Endpoints, path: str) -> dict[str, Any]:
    text = Hdfs(endpoints.webhdfs, endpoints.hdfs_user).read_text(path)
    if text is None:
        raise AppFailed(f"the app ended well but left no figures at {path} on {endpoints.webhdfs}")
    try:
        figures = json.loads(text)
    except ValueError as error:
        raise BadInput(f"{path} on {endpoints.webhdfs} is not JSON: {error}") from None
    if not isinstance(figures, dict):
        raise BadInput(f"{path} on {endpoints.webhdfs} holds {type(figures).__name__}; figures are an object")
    return figures
