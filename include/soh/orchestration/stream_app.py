"""A stream app as a task: one Dag run is one lifetime of its driver."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pendulum
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from soh.orchestration.app_triggers import SETTLE, StreamAppTrigger
from soh.orchestration.spark_app import LinkKey, SparkAppOperator
from soh.settings import Endpoints
from soh.specs import StreamAppSpec
from soh.streams.launch import backoff, run_tag
from soh.submit import spark_arguments
from soh.yarn import ResourceManager, YarnApp


class StreamAppOperator(SparkAppOperator):
    """Launch a stream app, or take over the one that this run already has, and watch it to its end.

    Any end is a failure of the run: a stream has none that is meant. The next run begins at once, so
    whatever must be waited for (the old driver's end, the back-off after failures) is waited for here.
    """

    app: StreamAppSpec

    def __init__(self, *, app: StreamAppSpec, **kwargs: Any) -> None:
        super().__init__(app=app, **kwargs)

    def run_tag(self, context: Context) -> str:
        return run_tag(self.dag_id, context["run_id"])

    def work_tag(self, context: Context) -> str:  # noqa: ARG002
        return self.app.yarn_tag

    def arguments(self, endpoints: Endpoints, run_tag: str) -> list[str]:  # noqa: ARG002
        return spark_arguments(self.app, endpoints)

    def trigger(self, app_id: str, endpoints: Endpoints) -> StreamAppTrigger:
        return StreamAppTrigger(app=self.app.name, app_id=app_id, endpoints=asdict(endpoints))

    def more_links(self, endpoints: Endpoints) -> dict[LinkKey, str]:
        listing = f"{endpoints.webhdfs}/webhdfs/v1{endpoints.checkpoints()}?op=LISTSTATUS"
        return {LinkKey.CHECKPOINTS: listing}

    def hold_back(self, cluster: ResourceManager, context: Context) -> None:  # noqa: ARG002
        wait = backoff(cluster.apps(self.app.yarn_tag), datetime.now(tz=UTC), self.app)
        if wait <= timedelta():
            return
        wait = max(wait, SETTLE)
        self.log.info("the last lifetimes were short: the next one begins in %s", wait)
        self.defer(trigger=DateTimeTrigger(moment=pendulum.now("UTC") + wait), method_name="execute_after_waiting")

    def ended(self, app: YarnApp, endpoints: Endpoints, context: Context) -> NoReturn:  # noqa: ARG002
        raise AirflowFailException(f"a stream app never ends by itself, but {app.ending}")
