"""What a failure leads to: our errors decide about retries, once for all Dags."""

from __future__ import annotations

import pytest
from airflow.sdk import ExceptionRetryPolicy, RetryAction

from soh import errors
from soh.orchestration.defaults import RETRY_POLICY


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (errors.BadInput("x"), RetryAction.FAIL),
        (errors.AppFailed("x"), RetryAction.FAIL),
        (errors.ServerUnreachable("x"), RetryAction.RETRY),
        (errors.AppLost("x"), RetryAction.RETRY),
        (ValueError("x"), RetryAction.DEFAULT),
    ],
)
def test_an_error_is_retried_by_its_kind(error, action):
    assert RETRY_POLICY.evaluate(error, try_number=1, max_tries=3).action is action


def test_the_policy_survives_the_serialisation_of_a_dag():
    copy = ExceptionRetryPolicy.deserialize(RETRY_POLICY.serialize())
    assert copy.evaluate(errors.BadInput("x"), 1, 3).action is RetryAction.FAIL
