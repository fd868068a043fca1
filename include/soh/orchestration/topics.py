"""Tasks that make the broker's topics those that are declared."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import task

from soh.errors import BadDeclaration
from soh.kafka.admin import apply, describe, fitted
from soh.kafka.plan import Plan, plan
from soh.orchestration import connections
from soh.specs import TOPICS

log = logging.getLogger(__name__)


@task(task_id="plan__topics")
def plan_topics() -> dict[str, Any]:
    """Compare the declarations with the broker; changes nothing."""
    found = _plan(connections.kafka())
    log.info(found.as_text())
    return found.as_json()


@task(task_id="create__topics")
def create_topics() -> list[str]:
    """Create what is missing; the names of what was created."""
    bootstrap = connections.kafka()
    created = apply(bootstrap, _plan(bootstrap))
    log.info("created %s", ", ".join(created) if created else "nothing: no declared topic is missing")
    return list(created)


@task(task_id="check__drift")
def check_drift() -> str:
    """Fail, naming every setting, when a topic on the broker is not as declared."""
    found = _plan(connections.kafka())
    if found.differences:
        told = "\n".join(str(difference) for difference in found.differences)
        raise BadDeclaration(f"topics differ from soh.specs.topics; change one of the two by hand:\n{told}")
    return "no declared topic differs"


def _plan(bootstrap: str) -> Plan:
    return plan(fitted(bootstrap, TOPICS.values()), describe(bootstrap, TOPICS.keys()))
