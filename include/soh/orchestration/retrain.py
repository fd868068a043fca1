"""Training the fleets' classifiers as tasks: what their app is told, and what the run tells afterwards."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, NoReturn

from airflow.sdk import Context, TaskInstanceState, task
from airflow.sdk.exceptions import AirflowSkipException

from soh.classifier import outcome
from soh.errors import AppFailed, AppLost, BadInput
from soh.hdfs import Hdfs
from soh.orchestration import connections
from soh.orchestration.assets import MODEL_ASSETS
from soh.orchestration.batch_app import BatchAppOperator
from soh.settings import Endpoints
from soh.specs import FleetSpec
from soh.specs.apps import TRAINED_BY, TrainingAppSpec
from soh.streams.launch import run_tag, work_tag
from soh.yarn import AppState, ResourceManager, YarnApp

log = logging.getLogger(__name__)

ALL_FLEETS = "all"

FAILURE = "failure"
"""XCom in which a task leaves why it failed, for the report."""

_OVER = frozenset(
    {
        TaskInstanceState.SUCCESS,
        TaskInstanceState.FAILED,
        TaskInstanceState.SKIPPED,
        TaskInstanceState.UPSTREAM_FAILED,
        TaskInstanceState.REMOVED,
    }
)


class Overrule(StrEnum):
    """A person's word against the gate's."""

    NONE = "none"
    PROMOTE = "promote"
    KEEP = "keep"


def train_task(fleet: str) -> str:
    """Id of the task that answers for a fleet's training."""
    return f"train__{fleet}"


class TrainOperator(BatchAppOperator):
    """Train the classifier of one fleet, if the run is about it; the gate decides, unless a person overrules it.

    The app that is launched trains the fleets of its declaration that still wait in this run, this one first, and
    leaves what came of each on HDFS. A task takes what is there of its own fleet, figures or failure, instead of
    launching an app; or it adopts the app that another task of the run has launched. It takes an outcome once: a
    later try, or a task that is cleared, finds none and has its fleet trained anew.
    """

    app: TrainingAppSpec

    def __init__(self, *, fleet: FleetSpec, **kwargs: Any) -> None:
        super().__init__(app=TRAINED_BY[fleet.name], arguments=[], outlets=[MODEL_ASSETS[fleet.model.name]], **kwargs)
        self.fleet = fleet.name
        self.waiting: Sequence[str] = [fleet.name]

    def run_tag(self, context: Context) -> str:
        return run_tag(self.dag_id, context["run_id"], self.app.name)

    def work_tag(self, context: Context) -> str:  # noqa: ARG002
        return work_tag(self.dag_id, self.app.name)

    def execute(self, context: Context) -> Any:
        params = context["params"]
        if not asked(self.fleet, params):
            raise AirflowSkipException(f"this run is about {params['fleet']} only")
        with _failure_told(context):
            figures = self._take(connections.endpoints(), context)
            if figures is not None:
                return figures
            self.application_args = overruling(params, context["dag_run"].triggering_user_name)
            self.waiting = waiting(self.fleet, self.app, params, self._states(context))
            return super().execute(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        with _failure_told(context):
            return super().resume_execution(next_method, next_kwargs, context)

    def arguments(self, endpoints: Endpoints, run_tag: str) -> list[str]:
        hdfs = _hdfs(endpoints)
        told = {name for name in self.waiting if hdfs.read_text(endpoints.training_result(run_tag, name)) is not None}
        fleets = [name for name in self.waiting if name == self.fleet or name not in told]
        folder = f"{endpoints.hdfs}{endpoints.training_results(run_tag)}"
        return ["--fleets", *fleets, *(self.application_args or []), "--results", folder]

    def ended(self, app: YarnApp, endpoints: Endpoints, context: Context) -> dict[str, Any]:
        figures = self._take(endpoints, context)
        if figures is not None:
            return figures
        if app.succeeded:
            raise AppLost(f"{app.id} ended well, but {self.fleet} was not among the fleets that it trained")
        if app.state is AppState.KILLED and len(self.app.fleets) > 1:
            # Perhaps for the sake of another fleet, whose task was cleared or marked.
            raise AppLost(app.ending)
        return super().ended(app, endpoints, context)

    def _states(self, context: Context) -> dict[str, str | None]:
        """State of the task of each of the app's fleets in this run."""
        tasks = {train_task(fleet.name): fleet.name for fleet in self.app.fleets}
        run_id = context["run_id"]
        found = context["ti"].get_task_states(dag_id=self.dag_id, run_ids=[run_id], task_ids=list(tasks))
        return {tasks[task_id]: state for task_id, state in found.get(run_id, {}).items()}

    def _take(self, endpoints: Endpoints, context: Context) -> dict[str, Any] | None:
        """The figures that an app of this run has left of the fleet, None when there are none; or how it failed."""
        hdfs, path = _hdfs(endpoints), endpoints.training_result(self.run_tag(context), self.fleet)
        text = hdfs.read_text(path)
        if text is None:
            return None
        found = outcome.parse(text, f"{path} on {endpoints.webhdfs}")
        app = ResourceManager(endpoints.yarn).app(found.app_id)
        if app is not None:
            self._store_links(context, endpoints, app)
        # The last that can go wrong: before, the next try finds it again.
        hdfs.delete(path)
        if found.error is not None:
            _raise(found, app)
        figures = dict(found.figures or {})
        self.log.info("%s: %s", found.app_id, json.dumps(figures))
        return self.done(figures, context)


def _raise(found: outcome.Outcome, app: YarnApp | None) -> NoReturn:
    where = f"; driver log: {app.log_url}" if app and app.log_url else ""
    raise (AppLost if found.try_again else AppFailed)(f"{found.error}{where}")


def _hdfs(endpoints: Endpoints) -> Hdfs:
    return Hdfs(endpoints.webhdfs, endpoints.hdfs_user)


@contextmanager
def _failure_told(context: Context) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        context["ti"].xcom_push(key=FAILURE, value=" ".join(str(error).split()))
        raise


def asked(fleet: str, params: Mapping[str, Any]) -> bool:
    """True when a run with `params` is about the fleet."""
    return params["fleet"] in (ALL_FLEETS, fleet)


def waiting(fleet: str, app: TrainingAppSpec, params: Mapping[str, Any], states: Mapping[str, str | None]) -> list[str]:
    """The fleets that an app launched by the task of `fleet` may train: those of which the run still has to hear.

    `states` are those of the fleets' tasks. The task's own fleet comes first: what ends the app at another one
    must not keep it from its turn.
    """
    others = [other.name for other in app.fleets if other.name != fleet]
    return [fleet, *(name for name in others if asked(name, params) and states.get(name) not in _OVER)]


def overruling(params: Mapping[str, Any], user: str | None) -> list[str]:
    """Arguments of a training app for a run with `params` that `user` triggered: who overrules the gate, if anybody.

    The command line signs in as nobody but the account it runs under, so that a name may be given beside it.
    Raises BadInput when the gate is overruled and nobody says by whom.
    """
    overrule = Overrule(params["overrule"])
    if overrule is Overrule.NONE:
        return []
    names = [name.strip() for name in (params["by"], user) if name and name.strip()]
    if not names:
        raise BadInput(f"overrule is {overrule}, but nobody is named; a person answers for it: give `by` a name")
    return ["--overrule", overrule.value, "--by", " as ".join(names)]


def sentence(fleet: str, params: Mapping[str, Any], figures: Mapping[str, Any] | None, failure: str | None) -> str:
    """What the training of a fleet came to, in a run with `params`."""
    if not asked(fleet, params):
        return f"{fleet}: left out, as asked"
    if figures is None:
        return f"{fleet}: failed: {failure or f'see the log of {train_task(fleet)}'}"
    if not figures["trained"]:
        return f"{fleet}: nothing was trained: {figures['reason']}"
    place = "is champion now" if figures["promoted"] else "was not promoted"
    return f"{fleet}: version {figures['version']} {place}, macro-F1 {figures['macro_f1']:.3f}: {figures['reason']}"


@task(task_id="report")
def report_training(fleets: dict[str, dict[str, Any] | None], *, params: dict[str, Any], ti: Any) -> dict[str, str]:
    """One sentence for each fleet, by its name: log, and the run's result."""
    told = {}
    for fleet, figures in fleets.items():
        failure = ti.xcom_pull(task_ids=train_task(fleet), key=FAILURE)
        told[fleet] = sentence(fleet, params, figures, failure)
        log.info(told[fleet])
    return told
