"""The batch layer's night: wait until the day is complete, pack its small files, fold the grades that landed on S3.

**Runs** at 00:30 in Seoul for the day that has just ended. A fleet's day is complete when the stream that
writes its table has committed every record sent until ten minutes after midnight, told by Kafka's offsets;
`wait_for_day_closed__*` says which stream and which partitions are still behind. Then one Spark app per
table rewrites the day's small files, proves by row counts and hashes per facility that no reading changed,
and undoes its own rewrite otherwise. The streams go on writing meanwhile. After a fleet's readings `fold__*`
appends every grade that has landed on S3 to the fleet's table of grades, each record once, proves it, and only
then deletes the landed objects; then that table is packed like the others. Figures are the return value of
`report` and the extra of the asset events. Batch apps run one at a time, in the pool `spark_batch`.

**If a task fails**: a `wait_for_*` task names the stream that blocks: look at its Dag and at
`consumer_watch`. A `compact__*` task ends with YARN's reason and the address of the driver's log; when its
machine died it has retried by itself. Nothing is lost when a night is missed: the day stays in small files.
A `fold__*` task has lost nothing either: what has landed stays until it is proven to be in the table. Where
`missing` in its figures is not 0, grades never landed; `unreadable` ones are kept under `landing_unreadable/`.

**Re-running** is safe at any time: clear the failed task, or trigger with `day`; a day that is compact
already is left as it is, and a second fold finds nothing to do. With `only_closed` false it does not wait, and
packs what the lake has.
"""

from datetime import timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable, Param

from soh.orchestration.assets import ASSETS
from soh.orchestration.batch_app import BatchAppOperator
from soh.orchestration.day import DayClosedSensor, choose_day
from soh.orchestration.defaults import BATCH_POOL, DEFAULT_ARGS, START_DATE, Tag
from soh.orchestration.report import report
from soh.specs import FLEETS
from soh.specs.apps import COMPACT_DAY, FOLD_LANDING
from soh.specs.tables import SEOUL

with DAG(
    dag_id="batch_nightly",
    description="Pack the closed day's small files, fold the grades that landed on S3, and prove both.",
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
        "only_closed": Param(
            True, type="boolean", title="Only a closed day", description="Wait until the day is complete."
        ),
    },
):
    choice = choose_day()
    figures, folds = {}, {}
    for fleet in FLEETS.values():
        closed = DayClosedSensor(
            task_id=f"wait_for_day_closed__{fleet.name}",
            fleet=fleet,
            day=choice["day"],
            only_closed=choice["only_closed"],
        )
        compact = BatchAppOperator(
            task_id=f"compact__{fleet.table.name}",
            app=COMPACT_DAY,
            arguments=["--table", fleet.table.name, "--day", choice["day"]],
            outlets=[ASSETS[fleet.table.name]],
            pool=BATCH_POOL,
            execution_timeout=timedelta(hours=1),
        )
        closed >> compact
        figures[fleet.table.name] = compact.output
        fold = BatchAppOperator(
            task_id=f"fold__{fleet.scores.name}",
            app=FOLD_LANDING,
            arguments=["--fleet", fleet.name],
            pool=BATCH_POOL,
            execution_timeout=timedelta(hours=1),
        )
        compact_grades = BatchAppOperator(
            task_id=f"compact__{fleet.grades_table.name}",
            app=COMPACT_DAY,
            arguments=["--table", fleet.grades_table.name, "--day", choice["day"]],
            outlets=[ASSETS[fleet.grades_table.name]],
            pool=BATCH_POOL,
            execution_timeout=timedelta(hours=1),
        )
        # Readings first: the trainings wait for them, and nothing waits for grades.
        compact >> fold >> compact_grades
        figures[fleet.grades_table.name] = compact_grades.output
        folds[fleet.scores.name] = fold.output
    report(day=choice["day"], tables=figures, landings=folds)
