"""What all Dags have in common: when they start, how they retry, by which words they are found."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

import pendulum
from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from soh.errors import PermanentError, TransientError
from soh.specs.apps import BATCH_POOL
from soh.specs.tables import SEOUL

__all__ = ["BATCH_POOL", "DEFAULT_ARGS", "RETRY_POLICY", "START_DATE", "Tag"]

START_DATE = pendulum.datetime(2026, 1, 1, tz=SEOUL)


RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=PermanentError, action=RetryAction.FAIL, reason="retrying does not change this"),
        RetryRule(exception=TransientError, action=RetryAction.RETRY, reason="may be gone at the next try"),
    ],
)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "soh",
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_policy": RETRY_POLICY,
    "execution_timeout": timedelta(minutes=10),
}


class Tag(StrEnum):
    """Where a Dag belongs, and what a person may do with a red run of it."""

    SPEED = "speed"
    BATCH = "batch"
    WATCH = "watch"
    PLATFORM = "platform"

    RERUN_CLEAR = "rerun:clear"
    """Clear the failed task: it goes on where it stopped."""
    RERUN_TRIGGER = "rerun:trigger"
    """Trigger a new run: an old one says nothing about today."""
