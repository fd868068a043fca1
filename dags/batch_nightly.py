"""The batch layer's night: wait until the day is complete, pack it on HDFS and S3, prove it, compute its views.

**Runs** at 00:30 in Seoul for the day that has just ended. A fleet's day is complete when the stream that
writes its table has committed every record sent until ten minutes after midnight, told by Kafka's offsets;
`wait_for_day_closed__*` says which stream and which partitions are still behind. Then two tasks a fleet:

- `compact__*` rewrites the small files of the day's readings on HDFS, proves by row counts and hashes per facility
  that no reading changed, and undoes its own rewrite otherwise. The streams go on writing meanwhile.
- `fold__*` appends every grade that has landed on S3 to the fleet's table there, each record once, proves it, and only
  then deletes the landed objects; then it packs the day of that table in the same way.

A day that one process can hold is done in a process of the task, a larger one by a Spark app on YARN; the log says
which and why, `engine` in the figures too, and `engine` of the run decides otherwise. Both prove and tell the same.

Both end with the hourly and daily views of the day, whose counts must be those of the table. Figures are the return
value of `report` and the extra of the asset events. One runs at a time, in the pool `spark_batch`, before trainings.

**If a task fails**: a `wait_for_*` task names the stream that blocks: look at its Dag and at
`consumer_watch`. A `compact__*` task ends with the reason, where Spark did it with YARN's and the address of the
driver's log; when its machine died or a server was away it has retried by itself. Nothing is lost when a night is
missed: the day stays in small files.
A `fold__*` task has lost nothing either: what has landed stays until it is proven to be in the table. Where
`missing` in its figures is not 0, grades never landed; `unreadable` ones are kept under `landing_unreadable/`.

**Re-running** is safe at any time: clear the failed task, or trigger with `day`; a day that is compact
already is left as it is, a second fold finds nothing to do, and views that are right are not written. With
`only_closed` false it does not wait, and packs what the lake has.
"""

from datetime import timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable, Param

from soh.orchestration.assets import ASSETS
from soh.orchestration.day import DayClosedSensor, choose_day
from soh.orchestration.defaults import BATCH_POOL, DEFAULT_ARGS, START_DATE, Tag
from soh.orchestration.night import compact_operator, fold_operator
from soh.orchestration.report import report
from soh.specs import FLEETS
from soh.specs.apps import BatchEngine
from soh.specs.tables import SEOUL

with DAG(
    dag_id="batch_nightly",
    description="Pack the closed day on HDFS, fold and pack its grades on S3, prove both, compute the views.",
    schedule=CronDataIntervalTimetable("30 0 * * *", timezone=SEOUL),
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=[Tag.BATCH, Tag.RERUN_CLEAR],
    doc_md=__doc__,
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="Local day in Seoul; empty for the day before this run.",
        ),
        "engine": Param(
            None,
            type=["null", "string"],
            enum=[None, *BatchEngine],
            title="Engine",
            description="auto: by the size of the day. Empty: what the variable soh_batch_engine says, else auto.",
        ),
        "only_closed": Param(
            True, type="boolean", title="Only a closed day", description="Wait until the day is complete."
        ),
    },
):
    choice = choose_day()
    common = {
        "day": choice["day"],
        "engine": "{{ params.engine or '' }}",
        "pool": BATCH_POOL,
        # Before trainings, which take minutes, not seconds.
        "priority_weight": 10,
        "weight_rule": "absolute",
        "execution_timeout": timedelta(hours=1),
    }
    compactions, folds = {}, {}
    for fleet in FLEETS.values():
        closed = DayClosedSensor(
            task_id=f"wait_for_day_closed__{fleet.name}",
            fleet=fleet,
            day=choice["day"],
            only_closed=choice["only_closed"],
        )
        compact = compact_operator(fleet.table, outlets=[ASSETS[fleet.table.name]], **common)
        closed >> compact
        compactions[fleet.table.name] = compact.output
        fold = fold_operator(fleet, outlets=[ASSETS[fleet.grades_table.name]], **common)
        # Not after the packing of the readings: with HDFS away S3 has its night all the same.
        closed >> fold
        folds[fleet.scores.name] = fold.output
    report(day=choice["day"], compactions=compactions, folds=folds)
