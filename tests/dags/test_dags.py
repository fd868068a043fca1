"""Every Dag: it exists, it loads from nothing but its file, and it keeps the house rules."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import timedelta

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.interval import CronDataIntervalTimetable
from tests.fakes.airflow_home import PROJECT

from soh.orchestration.assets import ASSETS, MODEL_ASSETS
from soh.orchestration.defaults import BATCH_POOL, START_DATE, Tag
from soh.orchestration.spark_app import SparkAppOperator
from soh.specs import CONSUMER_GROUPS, FLEETS, STREAM_APPS, STREAMS
from soh.specs.apps import TRAINED_BY
from soh.streams.control import Action

STREAM_DAGS = {app.dag_id for app in STREAM_APPS.values()}
DAG_IDS = STREAM_DAGS | {
    *("kafka_topics", "consumer_watch", "batch_nightly", "platform_check", "soh_retrain", "stream_control")
}
SCHEDULES = {
    **dict.fromkeys(STREAM_DAGS, "@continuous"),
    "kafka_topics": "@hourly",
    "consumer_watch": "*/2 * * * *",
    "platform_check": "0 */6 * * *",
    "stream_control": None,
}

PARSE = """
import json, socket, sys
def refuse(*arguments, **more):
    raise OSError("a Dag file must not use the network")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
json.dump({"ids": sorted(bag.dags), "errors": bag.import_errors}, open(sys.argv[2], "w"))
"""


@pytest.fixture(scope="session")
def bag():
    return DagBag(str(PROJECT / "dags"))


@pytest.fixture(params=sorted(DAG_IDS))
def dag(bag, request):
    return bag.dags[request.param]


def test_there_are_exactly_the_dags_that_the_declarations_ask_for(bag):
    assert bag.import_errors == {}
    assert set(bag.dags) == DAG_IDS


def test_dags_load_without_network_connections_or_secrets(tmp_path):
    keep = {"PATH", "HOME", "LANG", "AIRFLOW_HOME"}
    environment = {name: value for name, value in os.environ.items() if name in keep}
    environment["PYTHONPATH"] = str(PROJECT / "include")
    found = tmp_path / "found.json"
    command = [sys.executable, "-c", PARSE, str(PROJECT / "dags"), str(found)]
    subprocess.run(command, env=environment, cwd=tmp_path, check=True, timeout=120, capture_output=True)
    assert json.loads(found.read_text()) == {"ids": sorted(DAG_IDS), "errors": {}}


def test_a_dag_survives_serialisation(dag):
    copy = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    assert set(copy.task_ids) == set(dag.task_ids)


def test_the_page_tells_when_it_runs_what_to_do_and_how_to_run_it_again(dag):
    headings = re.findall(r"\*\*(Runs|If a task fails|Re-running)\*\*", dag.doc_md)
    assert headings == ["Runs", "If a task fails", "Re-running"]
    assert dag.description
    assert dag.description.endswith(".")


def test_a_dag_is_found_by_where_it_belongs_and_how_to_run_it_again(dag):
    tags = {Tag(tag) for tag in dag.tags}
    assert len(tags & {Tag.RERUN_CLEAR, Tag.RERUN_TRIGGER}) == 1
    assert len(tags - {Tag.RERUN_CLEAR, Tag.RERUN_TRIGGER}) == 1


def test_a_dag_starts_with_all_others_and_makes_up_for_nothing(dag):
    assert dag.start_date == START_DATE
    assert dag.catchup is False
    assert dag.max_active_runs == 1


def test_every_task_has_an_owner_retries_and_an_end(dag):
    for task in dag.tasks:
        assert task.owner == "soh", task.task_id
        assert task.retries >= 2, task.task_id
        assert task.retry_delay >= timedelta(seconds=10), task.task_id
        assert task.retry_policy is not None, task.task_id
        if dag.dag_id in STREAM_DAGS:
            assert task.execution_timeout is None, "a stream that runs for a year is a stream that works"
        else:
            assert timedelta() < task.execution_timeout <= timedelta(hours=7), task.task_id


def test_task_ids_are_a_verb_and_its_object(dag):
    for task_id in dag.task_ids:
        assert re.fullmatch(r"report|(wait_for_[a-z_]+?|[a-z]+)__[a-z0-9_]+", task_id), task_id


@pytest.mark.parametrize(("dag_id", "schedule"), SCHEDULES.items())
def test_schedules_hold_no_surprise(bag, dag_id, schedule):
    assert bag.dags[dag_id].schedule == schedule


@pytest.mark.parametrize("app", STREAM_APPS.values(), ids=lambda app: app.name)
def test_a_stream_app_is_one_task_whose_runs_follow_each_other(bag, app):
    dag = bag.dags[app.dag_id]
    (task,) = dag.tasks
    assert task.app == app
    assert dag.max_consecutive_failed_dag_runs == 300


def test_the_night_has_the_local_day_as_its_interval(bag):
    schedule = bag.dags["batch_nightly"].schedule
    assert type(schedule).__name__ == CronDataIntervalTimetable.__name__
    assert schedule.expression == "30 0 * * *"
    assert str(schedule.timezone) == "Asia/Seoul"


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=lambda fleet: fleet.name)
def test_a_fleet_s_day_is_waited_for_then_compacted_alone_in_the_pool_then_reported(bag, fleet):
    dag = bag.dags["batch_nightly"]
    compact = dag.get_task(f"compact__{fleet.table.name}")
    assert compact.upstream_task_ids == {f"wait_for_day_closed__{fleet.name}", "choose__day"}
    assert "report" in compact.downstream_task_ids
    assert compact.pool == BATCH_POOL
    assert compact.outlets == [ASSETS[fleet.table.name]]


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=lambda fleet: fleet.name)
def test_a_fleet_s_grades_are_folded_whether_its_readings_are_packed_or_not_and_after_everything_else(bag, fleet):
    dag = bag.dags["batch_nightly"]
    fold, compact = dag.get_task(f"fold__{fleet.scores.name}"), dag.get_task(f"compact__{fleet.table.name}")
    assert (fold.app.name, list(fold.application_args)[:2]) == ("fold_landing", ["--fleet", fleet.name])
    assert fold.upstream_task_ids == {f"wait_for_day_closed__{fleet.name}", "choose__day"}
    assert fold.downstream_task_ids == {"report"}
    assert (fold.pool, fold.outlets) == (BATCH_POOL, [ASSETS[fleet.grades_table.name]])
    train = bag.dags["soh_retrain"].get_task(f"train__{fleet.name}")
    # Others weigh one more for each task after them.
    assert (fold.priority_weight, str(fold.weight_rule)) == (10, "absolute")
    assert compact.priority_weight == 10 > train.priority_weight


def test_the_classifiers_are_trained_when_the_night_has_compacted_the_readings_of_every_fleet(bag):
    waits_for = {asset.name for asset in bag.dags["soh_retrain"].schedule.objects}
    assert waits_for == {ASSETS[fleet.table.name].name for fleet in FLEETS.values()}
    emitted = {outlet.name for task in bag.dags["batch_nightly"].tasks for outlet in task.outlets}
    assert waits_for <= emitted


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=lambda fleet: fleet.name)
def test_a_fleet_s_classifier_is_trained_alone_in_the_pool_then_reported(bag, fleet):
    train = bag.dags["soh_retrain"].get_task(f"train__{fleet.name}")
    assert (train.app, train.fleet) == (TRAINED_BY[fleet.name], fleet.name)
    assert train.pool == BATCH_POOL
    assert train.outlets == [MODEL_ASSETS[fleet.model.name]]
    assert train.downstream_task_ids == {"report"}


def test_a_training_needs_no_parameters(bag):
    dag = bag.dags["soh_retrain"]
    assert dict(dag.params.dump()) == {"fleet": "all", "overrule": "none", "by": None}
    dag.params.validate()


def test_a_fleet_left_out_or_failed_does_not_stop_the_report_and_a_report_does_not_make_a_run_green(bag):
    report = bag.dags["soh_retrain"].get_task("report")
    assert report.trigger_rule == "all_done_setup_success"
    assert (report.is_teardown, report.on_failure_fail_dagrun) == (True, False)


def test_every_task_that_runs_a_spark_app_links_to_it_in_yarn_and_to_its_log(dag):
    copy = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    for task in dag.tasks:
        if isinstance(task, SparkAppOperator):
            assert {"YARN application", "Driver log"} <= set(copy.get_task(task.task_id).extra_links), task.task_id


@pytest.mark.parametrize(
    ("name", "value"),
    [("fleet", "heats"), ("overrule", "yes"), ("by", "a; rm -r"), ("by", "")],
    ids=["no-such-fleet", "no-such-word", "no-name", "empty-name"],
)
def test_a_training_takes_only_what_is_declared(bag, name, value):
    with pytest.raises(ParamValidationError):
        bag.dags["soh_retrain"].params.get_param(name).resolve(value)


def test_the_night_needs_no_parameters(bag):
    params = bag.dags["batch_nightly"].params
    assert dict(params.dump()) == {"day": None, "engine": None, "only_closed": True}
    params.validate()


@pytest.mark.parametrize(
    ("name", "value"), [("app", "lakes"), ("action", "kill")], ids=["no-such-app", "no-such-action"]
)
def test_stream_control_takes_only_what_is_declared(bag, name, value):
    params = bag.dags["stream_control"].params
    assert params.get_param("app").schema["enum"] == list(STREAM_APPS)
    assert params.get_param("action").schema["enum"] == [str(action) for action in Action]
    with pytest.raises(Exception, match=value):
        params.get_param(name).resolve(value)


def test_the_watch_has_one_task_for_every_reader_and_each_starts_in_the_triggerer(bag):
    dag = bag.dags["consumer_watch"]
    groups = {f"watch__{name}__{topic.name}" for name, group in CONSUMER_GROUPS.items() for topic in group.reads}
    assert {"watch__scores_to_tsdb__heat_pf", "watch__scores_to_s3__heat_pf"} <= groups
    assert set(dag.task_ids) == {f"watch__{name}" for name in STREAMS} | groups
    assert all(task.start_from_trigger for task in dag.tasks)
    for task in dag.tasks:
        reader = task.reader
        assert task.task_id == f"watch__{reader['stream'] or '__'.join((reader['group'], reader['topic']))}"


def test_the_platform_check_names_the_server_that_is_red(bag):
    dag = bag.dags["platform_check"]
    servers = ("kafka", "hdfs", "yarn", "catalog", "registry", "s3", "tsdb", "airflow")
    assert set(dag.task_ids) == {f"check__{server}" for server in servers}
    assert all(not task.upstream_task_ids for task in dag.tasks)
