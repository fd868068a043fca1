"""Training a fleet's classifier as a task: what the app is told, and what the run tells afterwards."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from airflow.sdk import Context, TriggerRule, task
from airflow.sdk.exceptions import AirflowSkipException

from soh.errors import BadInput
from soh.orchestration.assets import MODEL_ASSETS
from soh.orchestration.batch_app import BatchAppOperator
from soh.specs import FleetSpec
from soh.specs.apps import TRAIN_SOH

log = logging.getLogger(__name__)

ALL_FLEETS = "all"


class Overrule(StrEnum):
    """A person's word against the gate's."""

    NONE = "none"
    PROMOTE = "promote"
    KEEP = "keep"


class TrainOperator(BatchAppOperator):
    """Train the classifier of one fleet, if the run is about it; the gate decides, unless a person overrules it."""

    def __init__(self, *, fleet: FleetSpec, **kwargs: Any) -> None:
        super().__init__(app=TRAIN_SOH, arguments=[], outlets=[MODEL_ASSETS[fleet.model.name]], **kwargs)
        self.fleet = fleet.name

    def execute(self, context: Context) -> Any:
        arguments = training_arguments(self.fleet, context["params"], context["dag_run"].triggering_user_name)
        if arguments is None:
            raise AirflowSkipException(f"this run is about {context['params']['fleet']} only")
        self.application_args = arguments
        return super().execute(context)


def training_arguments(fleet: str, params: Mapping[str, Any], user: str | None) -> list[str] | None:
    """Arguments of the training app for a run with `params` that `user` triggered; None when it is not about `fleet`.

    The command line signs in as nobody but the account it runs under, so that a name may be given beside it.
    Raises BadInput when the gate is overruled and nobody says by whom.
    """
    if params["fleet"] not in (ALL_FLEETS, fleet):
        return None
    arguments = ["--fleet", fleet]
    overrule = Overrule(params["overrule"])
    if overrule is Overrule.NONE:
        return arguments
    names = [name.strip() for name in (params["by"], user) if name and name.strip()]
    if not names:
        raise BadInput(f"overrule is {overrule}, but nobody is named; a person answers for it: give `by` a name")
    return [*arguments, "--overrule", overrule.value, "--by", " as ".join(names)]


def sentence(fleet: str, figures: Mapping[str, Any] | None) -> str:
    """What the training of a fleet came to; `figures` is None when the run was not about it."""
    if figures is None:
        return f"{fleet}: left out, as asked"
    if not figures["trained"]:
        return f"{fleet}: nothing was trained: {figures['reason']}"
    place = "is champion now" if figures["promoted"] else "was not promoted"
    return f"{fleet}: version {figures['version']} {place}, macro-F1 {figures['macro_f1']:.3f}: {figures['reason']}"


@task(task_id="report", trigger_rule=TriggerRule.NONE_FAILED)
def report_training(fleets: dict[str, dict[str, Any] | None]) -> dict[str, str]:
    """One sentence for each fleet, by its name: log, and the run's result."""
    told = {fleet: sentence(fleet, figures) for fleet, figures in fleets.items()}
    for line in told.values():
        log.info(line)
    return told
