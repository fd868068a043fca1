"""Train the classifiers anew on the lake, and let a better one grade the stream.

**Runs** when `batch_nightly` has compacted the tables of all fleets, and by hand. A Spark app on YARN takes one fleet
after the other: it joins the readings with the inspections that became known later, trains a challenger with the
stream's own features, and tests it on facilities or conditions that it has never seen. The gate promotes it to
champion or keeps it back, by its figures and by those of the champion on the same rows; the reason is a sentence in
`report`, and in the extra of the asset event of the model. The scoring stream takes a new champion at its next
batch. A fleet that is off or has no inspections yet trains nothing, says so, and is green.
`train__*` answers for one fleet. The first of them launches the app, and the others find there what it left.
By hand: `fleet` for one of them; `overrule` to *promote* or *keep* against the gate, in the name of whoever
triggers the run. The command line knows only an account: name the person in `by`.

**If a task fails**, the reason and the address of the driver's log are the last lines of its log, and `report` has
the reason too. Other fleets are not touched by it. A challenger that is not promoted is no failure. The champion of
before goes on grading whatever happens here.

**Re-running** is safe at any time: clear the failed task, and its fleet alone is trained. A training that is cleared
or triggered again makes one more version in the registry, with its figures, and removes none.
"""

from datetime import timedelta

from airflow.sdk import DAG, AssetAll, Param

from soh.orchestration.assets import ASSETS
from soh.orchestration.defaults import BATCH_POOL, DEFAULT_ARGS, START_DATE, Tag
from soh.orchestration.retrain import ALL_FLEETS, Overrule, TrainOperator, report_training, train_task
from soh.specs import FLEETS

with DAG(
    dag_id="soh_retrain",
    description="Train each fleet's classifier on the lake; a better one becomes champion.",
    schedule=AssetAll(*(ASSETS[fleet.table.name] for fleet in FLEETS.values())),
    start_date=START_DATE,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=[Tag.BATCH, Tag.RERUN_CLEAR],
    doc_md=__doc__,
    params={
        "fleet": Param(ALL_FLEETS, type="string", enum=[ALL_FLEETS, *FLEETS], title="Fleet"),
        "overrule": Param(
            Overrule.NONE.value,
            type="string",
            enum=[str(word) for word in Overrule],
            title="Overrule the gate",
            description="promote or keep the challenger whatever the gate says.",
        ),
        "by": Param(
            None,
            type=["null", "string"],
            pattern=r"^[\w .@-]{1,64}$",
            title="By",
            description="Who overrules, where the account that triggers the run does not tell.",
        ),
    },
):
    figures = {}
    for fleet in FLEETS.values():
        train = TrainOperator(
            task_id=train_task(fleet.name), fleet=fleet, pool=BATCH_POOL, execution_timeout=timedelta(hours=1)
        )
        figures[fleet.name] = train.output
    # It runs whatever came of the trainings, and being a teardown it leaves the colour of the run to them.
    report_training(figures).as_teardown()
