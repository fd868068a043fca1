"""Stop, start or restart a stream app, the same as `./soh streams stop|start|restart APP`.

**Runs** only by hand, with the app and the action as parameters. *stop* pauses the app's Dag, kills the driver,
proves that no NodeManager lists a container of it, and marks the run failed, in this order. *start* unpauses
the Dag, and a run launches the app within seconds. *restart* clears the task of the current run, kills the
driver and waits until the run has launched another one.

**If a task fails**, its log tells the steps done so far and what did not answer. A stop that failed half-way
leaves the Dag paused: run it again.

**Re-running** is safe: every action can be repeated, and a second stop finds nothing to do.
"""

from airflow.sdk import DAG, Param

from soh.orchestration.defaults import DEFAULT_ARGS, START_DATE, Tag
from soh.orchestration.stream_control import Action, control_app
from soh.specs import STREAM_APPS

with DAG(
    dag_id="stream_control",
    description="Stop, start or restart a stream app.",
    schedule=None,
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=[Tag.SPEED, Tag.RERUN_TRIGGER],
    doc_md=__doc__,
    params={
        "app": Param(next(iter(STREAM_APPS)), type="string", enum=list(STREAM_APPS), title="Stream app"),
        "action": Param(Action.RESTART.value, type="string", enum=[str(action) for action in Action], title="Action"),
    },
):
    control_app()
