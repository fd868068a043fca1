"""A task as a worker runs it: until it defers, and on from there."""

import pytest
from airflow.sdk.exceptions import TaskDeferred


def deferral(operator, context, method="execute", **event):
    with pytest.raises(TaskDeferred) as deferred:
        getattr(operator, method)(context, **event)
    return deferred.value


def ended(operator, context, deferred, reason=""):
    event = {"app_id": deferred.trigger.app_id, "reason": reason}
    return operator.resume_execution(deferred.method_name, {**deferred.kwargs, "event": event}, context)
