"""The night of a table as a task: what does it, and what a process of its own may tell, take and leave undone."""

from __future__ import annotations

import json
import sys
import time

import psutil
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import TaskDeferred

from soh.errors import AppFailed, AppLost, BadInput
from soh.lake.columns.job import Job
from soh.orchestration import night
from soh.orchestration.assets import ASSETS
from soh.orchestration.batch_app import BatchAppOperator
from soh.orchestration.night import answered, chosen_engine, compact_operator, fold_operator, java_of
from soh.specs.apps import BatchEngine, LocalLimits
from soh.specs.fleets import HEAT


@pytest.mark.parametrize(
    ("wish", "setting", "expected"),
    [
        pytest.param("", None, BatchEngine.AUTO, id="nobody-says-anything"),
        pytest.param("", "spark", BatchEngine.SPARK, id="the-installation-says"),
        pytest.param("local", "spark", BatchEngine.LOCAL, id="the-run-says-otherwise"),
        pytest.param(None, "", BatchEngine.AUTO, id="an-empty-variable"),
    ],
)
def test_the_engine_is_what_the_run_says_else_the_installation_else_by_size(wish, setting, expected):
    assert chosen_engine(wish, setting) is expected


@pytest.mark.parametrize(("wish", "setting", "place"), [("yarn", None, "engine of this run"), ("", "big", "variable")])
def test_a_word_that_is_no_engine_is_refused_with_those_there_are(wish, setting, place):
    with pytest.raises(BadInput, match=rf"{place}.*auto, local, spark"):
        chosen_engine(wish, setting)


def test_java_has_the_class_path_and_the_options_of_spark_s_drivers():
    class_path, options = java_of(
        {"spark.driver.extraClassPath": "/x/*:/y/*", "spark.driver.defaultJavaOptions": "-XX:A='/a b' -XX:+B"}
    )
    assert class_path[:2] == ["/x/*", "/y/*"]
    assert class_path[-1].endswith("/pyspark/jars/*")
    assert options == ["-XX:A=/a b", "-XX:+B"]


def test_jars_of_spark_that_the_class_path_has_already_are_not_named_twice():
    (own,), _ = java_of({})
    assert java_of({"spark.driver.extraClassPath": f"{own}:/y/*"})[0] == [own, "/y/*"]


@pytest.mark.parametrize(
    ("code", "lines", "error"),
    [
        pytest.param(75, ['{"error": "S3 is away"}'], AppLost, id="a-server-was-away"),
        pytest.param(1, ['{"error": "rows differ"}'], AppFailed, id="trying-again-is-waste"),
        pytest.param(-9, [], AppLost, id="killed"),
        pytest.param(1, ["Segmentation fault"], AppLost, id="no-answer"),
    ],
)
def test_a_process_that_tells_no_figures_is_tried_again_or_not(code, lines, error):
    with pytest.raises(error):
        answered("heat_raw", code, lines)


def says(program: str) -> list[str]:
    return [sys.executable, "-c", program]


@pytest.fixture
def operator(connections, monkeypatch):
    """A task whose process is a small program: give it one."""
    monkeypatch.delenv("AIRFLOW_VAR_SOH_BATCH_ENGINE", raising=False)

    def made(program: str, engine: str = "", **kwargs):
        monkeypatch.setattr(night, "command", lambda: says(program))
        with DAG(dag_id="batch_nightly"):
            return compact_operator(HEAT.table, day="2026-05-01", engine=engine, outlets=[ASSETS["heat_raw"]], **kwargs)

    return made


TELLS_ITS_JOB = """
import json, sys
job = json.loads(sys.stdin.readline())
print("reading", file=sys.stderr)
job["secrets"] = sorted(job["secrets"])
print(json.dumps({"figures": {"rows": 3, "job": job}}))
"""


def test_figures_of_the_process_are_the_result_and_the_extra_of_the_asset_event(operator, context, caplog):
    task = operator(TELLS_ITS_JOB)
    figures = task.execute(context)
    assert context["outlet_events"][ASSETS["heat_raw"]].extra == figures
    assert figures["rows"] == 3
    job = figures["job"]
    assert (job["table"], job["fleet"], job["day"], job["any_size"]) == ("heat_raw", None, "2026-05-01", False)
    assert job.keys() == set(Job.__dataclass_fields__)


def test_a_fold_is_told_its_fleet(operator, context, monkeypatch):
    operator(TELLS_ITS_JOB)
    with DAG(dag_id="batch_nightly_fold"):
        task = fold_operator(HEAT, day="2026-05-01", engine="local")
    job = task.execute(context)["job"]
    assert (job["table"], job["fleet"], job["any_size"]) == (None, "heat", True)


def test_a_day_that_is_too_large_goes_to_spark(operator, context, monkeypatch):
    task = operator('print(\'{"too_large": "9 rows"}\')')
    monkeypatch.setattr(BatchAppOperator, "execute", lambda self, context: "spark did it")
    assert task.execute(context) == "spark did it"


def test_with_engine_spark_no_process_is_started(operator, context, monkeypatch):
    task = operator("raise SystemExit(1)", engine="spark")
    monkeypatch.setattr(BatchAppOperator, "execute", lambda self, context: "spark did it")
    assert task.execute(context) == "spark did it"


def test_an_app_that_an_earlier_try_has_left_alive_is_adopted_instead(operator, context, yarn):
    task = operator("raise SystemExit(1)")
    yarn.add("application_1_1", "RUNNING", task.work_tag(context), task.run_tag(context))
    with pytest.raises(TaskDeferred):
        task.execute(context)


def test_a_process_that_takes_more_memory_than_it_is_given_is_ended(operator, context, monkeypatch):
    monkeypatch.setattr(night, "LOCAL_LIMITS", LocalLimits(rows=1, size=1, memory=60 * 1024**2))
    task = operator("held = bytearray(120 * 1024**2)\nimport time; time.sleep(60)")
    began = time.monotonic()
    with pytest.raises(AppFailed, match=r"heat_raw took .* one process is given 60; .* engine spark"):
        task.execute(context)
    assert time.monotonic() - began < 20
    assert not psutil.pid_exists(task._process.pid)


def test_a_task_that_is_ended_ends_its_process(operator, context):
    task = operator("import time; time.sleep(60)")
    task._process = night.started()
    task.on_kill()
    assert task._process.wait(10) < 0


def test_limits_say_what_exceeds_them():
    limits = LocalLimits(rows=10, size=2 * 1024**2, memory=1)
    assert limits.exceeded_by(10, 2 * 1024**2) is None
    assert limits.exceeded_by(11, 0) == "11 rows in 0 MiB; one process is given at most 10 rows or 2 MiB"
    assert "3 MiB" in limits.exceeded_by(1, 3 * 1024**2)


def test_a_job_travels_as_one_line():
    job = Job(
        table="t", fleet=None, day="d", any_size=True, endpoints={}, secrets={}, class_path=["/a"], java_options=["-b"]
    )
    line = job.to_line()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert Job(**json.loads(line)) == job
