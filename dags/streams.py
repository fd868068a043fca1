"""Stream apps: the drivers on YARN that read Kafka day and night.

**Runs** continuously: one run is one lifetime of the app. *A run that has no end is normal*: its only
task is deferred, holds no worker slot, and watches the app at YARN and the checkpoints of its streams.
The buttons on the task lead to the application, the driver's log and the checkpoints; the task's log
tells the verdict and the lag of every stream once a minute.

**If a task fails**, the app has ended, or one of its streams stood still for so long that the task gave
the app up. The reason and the log's address are the last lines of the task's log. Nothing need be done:
the next run starts by itself, proves that the old driver is gone, and goes on from the checkpoints;
after short lifetimes in a row it waits longer each time, up to five minutes. Act when runs keep failing
for the same reason: mend what the log names. After 300 failed runs in a row, a day of nothing else, this
Dag pauses itself. Every ended lifetime is a failed run, so old ones count: delete them before you unpause.

**Re-running**: to *restart* the app, clear the task of the current run. To *stop* it use
`./soh streams stop APP` or the Dag `stream_control`: marking the run failed by hand only starts the next
one, and pausing alone leaves the app running. Two drivers never run one stream: a run first kills what an
older one left, and proves that it is gone.
"""

from airflow.sdk import DAG

from soh.orchestration.defaults import DEFAULT_ARGS, START_DATE, Tag
from soh.orchestration.stream_app import StreamAppOperator
from soh.specs import STREAM_APPS

for app in STREAM_APPS.values():
    with DAG(
        dag_id=app.dag_id,
        description=app.description,
        schedule="@continuous",
        start_date=START_DATE,
        catchup=False,
        max_active_runs=1,
        # Every ended lifetime is a failed run, so the number must be one that a healthy year does not reach;
        # at the longest back-off it is a day of failures.
        max_consecutive_failed_dag_runs=300,
        default_args=DEFAULT_ARGS,
        tags=[Tag.SPEED, Tag.RERUN_CLEAR],
        doc_md=__doc__,
    ):
        # No limit on time: a stream that runs for a year is a stream that works.
        StreamAppOperator(task_id="run__app", app=app, execution_timeout=None)
