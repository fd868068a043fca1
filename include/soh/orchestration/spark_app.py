"""Spark apps on YARN as tasks: submit detached, defer, and find out how it ended."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, TaskDeferralTimeout

from soh.bundle import script, write_bundle
from soh.errors import ServerUnreachable
from soh.orchestration import connections
from soh.orchestration.app_triggers import AppTrigger
from soh.settings import Endpoints
from soh.specs import SparkAppSpec
from soh.streams.takeover import clear_the_way, end_all, end_app
from soh.submit import properties, spark_settings
from soh.yarn import ResourceManager, YarnApp

LISTED_WITHIN = timedelta(seconds=20)
"""From the end of spark-submit until YARN has given the driver a container, and so its log an address."""


class LinkKey(StrEnum):
    """XComs in which a task keeps where its links lead."""

    YARN_APPLICATION = "link_yarn_application"
    DRIVER_LOG = "link_driver_log"
    CHECKPOINTS = "link_checkpoints"


class SparkAppOperator(SparkSubmitOperator):
    """Run one declared app on YARN in cluster mode, supervised by a trigger.

    Subclasses say by which tags YARN knows the app, what its arguments are, which trigger watches it
    and what its end means. Secrets go to YARN in a properties file of mode 0600 that exists for the
    seconds of the submission only.
    """

    template_fields: Sequence[str] = ("application_args",)

    def __init__(self, *, app: SparkAppSpec, **kwargs: Any) -> None:
        super().__init__(
            application=str(script(app.script)),
            conn_id=connections.SPARK,
            deploy_mode="cluster",
            name=f"soh {app.name}",
            # Re-attaching is ours, by tags at the ResourceManager: it also finds apps of a lost submission.
            durable=False,
            **kwargs,
        )
        self.app = app

    # What subclasses say.

    def run_tag(self, context: Context) -> str:
        """The tag of the apps that this run started."""
        raise NotImplementedError

    def work_tag(self, context: Context) -> str:
        """The tag of the apps of which one at a time may live."""
        raise NotImplementedError

    def arguments(self, endpoints: Endpoints, run_tag: str) -> list[str]:
        raise NotImplementedError

    def trigger(self, app_id: str, endpoints: Endpoints) -> AppTrigger:
        raise NotImplementedError

    def hold_back(self, cluster: ResourceManager, context: Context) -> None:
        """Defer when it is too early for a launch."""

    def ended(self, app: YarnApp, endpoints: Endpoints, context: Context) -> Any:
        """The app ended by itself: the task's result, or an exception."""
        raise NotImplementedError

    # What all of them do.

    def execute(self, context: Context) -> NoReturn:
        self._launch(context, wait=True)

    def execute_after_waiting(self, context: Context, event: Any = None) -> NoReturn:  # noqa: ARG002
        """Continue after the back-off; whatever else happened meanwhile is looked at anew."""
        self._launch(context, wait=False)

    def _launch(self, context: Context, *, wait: bool) -> NoReturn:
        endpoints = connections.endpoints()
        cluster = ResourceManager(endpoints.yarn)
        run_tag, work_tag = self.run_tag(context), self.work_tag(context)
        app_id = clear_the_way(cluster, work_tag, run_tag, self.log.info)
        if app_id is None:
            if wait:
                self.hold_back(cluster, context)
            self._submit(endpoints, run_tag, work_tag)
        app = _listed(cluster, run_tag)
        self._keep_one(cluster, work_tag, app)
        self._store_links(context, endpoints, app)
        self.defer(
            trigger=self.trigger(app.id, endpoints), method_name="resume", kwargs={"endpoints": asdict(endpoints)}
        )

    def _submit(self, endpoints: Endpoints, run_tag: str, work_tag: str) -> None:
        settings = spark_settings(
            self.app,
            endpoints,
            run_tag,
            connections.cluster_conf(),
            connections.app_secrets(),
            work_tag=work_tag,
        )
        with tempfile.TemporaryDirectory(prefix="soh-submit-") as folder:
            self.properties_file = str(_write_private(Path(folder) / "spark.properties", properties(settings)))
            self.py_files = str(write_bundle(Path(folder) / "soh.zip"))
            self.application_args = self.arguments(endpoints, run_tag)
            self._hook = self._get_hook()
            self._hook.submit(self.application)

    def _keep_one(self, cluster: ResourceManager, work_tag: str, mine: YarnApp) -> None:
        # A submission whose worker died can reach YARN after we looked.
        for other in cluster.apps(work_tag):
            if other.alive and other.id != mine.id:
                self.log.warning("%s runs beside %s: killing it", other.id, mine.id)
                end_app(cluster, other.id)

    def _store_links(self, context: Context, endpoints: Endpoints, app: YarnApp) -> None:
        page = f"{endpoints.yarn}/cluster/app/{app.id}"
        self.log.info("%s is %s: %s, driver log %s", app.id, app.state, page, app.log_url or "not yet known")
        links = {LinkKey.YARN_APPLICATION: page, LinkKey.DRIVER_LOG: app.log_url or page, **self.more_links(endpoints)}
        for key, address in links.items():
            context["ti"].xcom_push(key=key.value, value=address)

    def more_links(self, endpoints: Endpoints) -> dict[LinkKey, str]:  # noqa: ARG002
        return {}

    def resume(self, context: Context, event: dict[str, Any], endpoints: dict[str, Any]) -> Any:
        """Continue when the trigger has fired: see how the app ended, or end it."""
        where = Endpoints(**endpoints)
        cluster = ResourceManager(where.yarn)
        app_id, reason = event["app_id"], event["reason"]
        if reason:
            end_app(cluster, app_id)
            raise AirflowFailException(f"{reason}; it is killed and gone")
        app = cluster.app(app_id)
        if app is None:
            raise AirflowFailException(f"{app_id} has ended and the ResourceManager at {where.yarn} forgot how")
        return self.ended(app, where, context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            # A trigger that times out leaves its app running.
            end_all(ResourceManager(connections.endpoints().yarn), self.run_tag(context), self.log.info)
            raise AirflowFailException(
                f"{self.app.name} ran longer than {self.execution_timeout}; it is killed and gone"
            ) from None

    def on_kill(self) -> None:
        """Stop a submission that is under way; what already reached YARN is found by its tags later."""
        submission = getattr(self._hook, "_submit_sp", None)
        if submission is not None and submission.poll() is None:
            submission.kill()


def _write_private(path: Path, text: str) -> Path:
    """Write a file that nobody else can read at any moment."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return path


def _listed(cluster: ResourceManager, run_tag: str) -> YarnApp:
    """The newest app of this run, once its driver has a container; as it is when that takes too long."""
    deadline = time.monotonic() + LISTED_WITHIN.total_seconds()
    while True:
        apps = cluster.apps(run_tag)
        late = time.monotonic() >= deadline
        if apps and (apps[-1].log_url or not apps[-1].alive or late):
            return apps[-1]
        if late:
            raise ServerUnreachable(f"spark-submit ended well, but {cluster.url} lists no app tagged {run_tag}")
        time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))
