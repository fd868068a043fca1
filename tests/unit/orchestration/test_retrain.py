"""What a training is told about who wants what, how tasks share an app, and what is said in the end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from tests.fakes.tasks import deferral, ended

from soh.errors import AppFailed, AppLost, BadInput, ServerUnreachable
from soh.orchestration import retrain
from soh.orchestration.assets import MODEL_ASSETS
from soh.orchestration.retrain import FAILURE, TrainOperator, overruling, sentence, train_task, waiting
from soh.orchestration.spark_app import LinkKey
from soh.specs.apps import TrainingAppSpec
from soh.specs.fleets import HEAT, HYDRAULIC
from soh.streams.launch import run_tag, work_tag

APP = TrainingAppSpec(name="train_both", description="Train.", fleets=(HEAT, HYDRAULIC))
ALONE = TrainingAppSpec(name="train_heat", description="Train.", fleets=(HEAT,))
TAG = run_tag("soh_retrain", "run_1", "train_both")


def params(**changes):
    return {"fleet": "all", "overrule": "none", "by": None} | changes


@pytest.mark.parametrize(
    ("chosen", "user", "arguments"),
    [
        pytest.param({}, None, [], id="after-the-night"),
        pytest.param({"by": "Kim"}, "admin", [], id="a-name-that-overrules-nothing"),
        pytest.param({"overrule": "promote"}, "kim", ["--overrule", "promote", "--by", "kim"], id="signed-in"),
        pytest.param({"overrule": "keep", "by": "Kim"}, None, ["--overrule", "keep", "--by", "Kim"], id="named-only"),
        pytest.param(
            {"overrule": "keep", "by": "Kim"},
            "root",
            ["--overrule", "keep", "--by", "Kim as root"],
            id="a-name-does-not-hide-the-account",
        ),
    ],
)
def test_overruling(chosen, user, arguments):
    assert overruling(params(**chosen), user) == arguments


@pytest.mark.parametrize("by", [None, " "])
def test_nobody_overrules_the_gate_without_a_name(by):
    with pytest.raises(BadInput, match="nobody is named"):
        overruling(params(overrule="promote", by=by), None)


@pytest.mark.parametrize(
    ("fleet", "app", "chosen", "states", "expected"),
    [
        pytest.param("heat", APP, {}, {}, ["heat", "hydraulic"], id="nothing-known-of-the-other"),
        pytest.param("heat", APP, {}, {"hydraulic": None}, ["heat", "hydraulic"], id="the-other-has-not-begun"),
        pytest.param("hydraulic", APP, {}, {"heat": "up_for_retry"}, ["hydraulic", "heat"], id="its-own-fleet-first"),
        pytest.param("heat", APP, {}, {"hydraulic": "deferred"}, ["heat", "hydraulic"], id="the-other-is-at-work"),
        pytest.param("heat", APP, {}, {"hydraulic": "success"}, ["heat"], id="cleared-alone"),
        pytest.param("heat", APP, {}, {"hydraulic": "failed"}, ["heat"], id="the-other-has-failed-for-good"),
        pytest.param("heat", APP, {}, {"heat": "running", "hydraulic": "skipped"}, ["heat"], id="the-other-is-skipped"),
        pytest.param("heat", APP, {"fleet": "heat"}, {}, ["heat"], id="a-run-about-one-fleet"),
        pytest.param("heat", ALONE, {}, {}, ["heat"], id="an-app-of-its-own"),
    ],
)
def test_waiting(fleet, app, chosen, states, expected):
    assert waiting(fleet, app, params(**chosen), states) == expected


TRAINED = {"trained": True, "version": "3", "macro_f1": 0.98765, "reason": "better by 0.012"}


@pytest.mark.parametrize(
    ("chosen", "figures", "failure", "expected"),
    [
        pytest.param("hydraulic", None, None, "heat: left out, as asked", id="left-out"),
        pytest.param(
            "all",
            {"trained": False, "version": None, "macro_f1": None, "promoted": False, "reason": "no inspections yet"},
            None,
            "heat: nothing was trained: no inspections yet",
            id="nothing-to-learn-from",
        ),
        pytest.param(
            "heat",
            TRAINED | {"promoted": True},
            None,
            "heat: version 3 is champion now, macro-F1 0.988: better by 0.012",
            id="promoted",
        ),
        pytest.param(
            "all",
            TRAINED | {"promoted": False},
            None,
            "heat: version 3 was not promoted, macro-F1 0.988: better by 0.012",
            id="kept-back",
        ),
        pytest.param("all", None, "S3 is away", "heat: failed: S3 is away", id="failed-with-a-reason"),
        pytest.param("all", None, None, "heat: failed: see the log of train__heat", id="failed-without-a-word"),
    ],
)
def test_sentence(chosen, figures, failure, expected):
    assert sentence("heat", params(fleet=chosen), figures, failure) == expected


@pytest.fixture
def tasks(monkeypatch):
    """The tasks of both fleets, whose trainings are packed into one app."""
    monkeypatch.setattr(retrain, "TRAINED_BY", {"heat": APP, "hydraulic": APP})
    monkeypatch.setattr("soh.streams.takeover.SECOND_LOOK", timedelta())
    with DAG("soh_retrain", schedule=None, start_date=datetime.now(tz=UTC)):
        made = [TrainOperator(task_id=train_task(fleet.name), fleet=fleet) for fleet in (HEAT, HYDRAULIC)]
    return SimpleNamespace(heat=made[0], hydraulic=made[1])


@pytest.fixture
def context(context):
    return context | {"params": params(), "dag_run": SimpleNamespace(triggering_user_name=None)}


@pytest.fixture
def leave(yarn):
    """Leave an outcome on HDFS, as an app of the run does."""

    def left(fleet, app_id="application_1_1", **said):
        yarn.files[path(fleet)] = json.dumps({"app_id": app_id, **said})

    return left


def path(fleet):
    return f"/soh/results/{TAG}/{fleet}.json"


def told(submitted):
    """Arguments of the app's script."""
    arguments = submitted()["arguments"]
    return arguments[arguments.index("--fleets") :]


def test_the_first_task_launches_an_app_for_all_fleets_of_the_run(submitted, tasks, context, yarn):
    context["params"] = params(overrule="keep", by="Kim")
    deferral(tasks.heat, context)
    overruled = ["--overrule", "keep", "--by", "Kim"]
    folder = f"hdfs://127.0.0.1:3/soh/results/{TAG}"
    assert told(submitted) == ["--fleets", "heat", "hydraulic", *overruled, "--results", folder]
    (app,) = yarn.apps.values()
    tags = {"soh_app_train_both", work_tag("soh_retrain", "train_both"), TAG}
    assert set(app["applicationTags"].split(",")) == tags


def test_each_task_takes_its_own_fleet_s_figures_and_links_and_the_second_launches_nothing(
    submitted, tasks, context, yarn, leave
):
    deferred = deferral(tasks.heat, context)
    app_id = deferred.trigger.app_id
    leave("heat", app_id, figures={"version": 3})
    leave("hydraulic", app_id, figures={"version": 7})
    yarn.end(app_id, "FINISHED", "SUCCEEDED")
    assert ended(tasks.heat, context, deferred) == {"version": 3}
    context["ti"].xcoms.clear()
    assert tasks.hydraulic.execute(context) == {"version": 7}
    assert list(yarn.apps) == [app_id]
    assert {model.name: context["outlet_events"][model].extra for model in MODEL_ASSETS.values()} == {
        "model.soh_heat": {"version": 3},
        "model.soh_hydraulic": {"version": 7},
    }
    assert context["ti"].xcoms == {
        LinkKey.YARN_APPLICATION.value: f"{yarn.url}/cluster/app/{app_id}",
        LinkKey.DRIVER_LOG.value: yarn.apps[app_id]["amContainerLogs"],
    }


def test_an_app_that_yarn_has_forgotten_costs_the_links_and_not_the_figures(tasks, context, connections, leave):
    leave("heat", figures={"version": 3})
    assert tasks.heat.execute(context) == {"version": 3}
    assert context["ti"].xcoms == {}


@pytest.mark.parametrize(("try_again", "kind"), [(True, AppLost), (False, AppFailed)])
def test_a_failure_is_raised_where_it_is_first_seen_with_the_address_of_the_log_and_left_for_the_report(
    tasks, context, connections, yarn, leave, try_again, kind
):
    yarn.add("application_1_1", "FINISHED", TAG, final="SUCCEEDED")
    leave("heat", error="S3 is away", try_again=try_again)
    with pytest.raises(kind, match="S3 is away; driver log: http"):
        tasks.heat.execute(context)
    assert context["ti"].xcoms[FAILURE].startswith("S3 is away; driver log: http")


def test_the_next_try_after_a_failure_trains_its_fleet_and_no_other_that_has_an_outcome(
    submitted, tasks, context, yarn, leave
):
    leave("heat", error="S3 is away", try_again=True)
    leave("hydraulic", figures={"version": 7})
    with pytest.raises(AppLost):
        tasks.heat.execute(context)
    deferral(tasks.heat, context)
    assert told(submitted)[:3] == ["--fleets", "heat", "--results"]
    assert tasks.hydraulic.execute(context) == {"version": 7}


def test_a_task_that_is_cleared_after_its_success_trains_again_and_alone(submitted, tasks, context, leave):
    leave("heat", figures={"version": 3})
    tasks.heat.execute(context)
    context["ti"].states = {"train__heat": "running", "train__hydraulic": "success"}
    deferral(tasks.heat, context)
    assert told(submitted)[:3] == ["--fleets", "heat", "--results"]


def test_an_outcome_stays_until_everything_that_could_go_wrong_with_it_has_gone_well(
    tasks, context, yarn, leave, connections
):
    leave("heat", figures={"version": 3})
    yarn.down = True
    with pytest.raises(ServerUnreachable):
        tasks.heat.execute(context)
    yarn.down = False
    assert tasks.heat.execute(context) == {"version": 3}


def test_what_is_no_outcome_is_refused_by_its_place(tasks, context, connections, yarn):
    yarn.files[path("heat")] = json.dumps({"app_id": "application_1_1"})
    with pytest.raises(BadInput, match=rf"{path('heat')} on http.* figures is None; it must be a dict"):
        tasks.heat.execute(context)


def test_two_tasks_at_once_share_an_app_that_is_alive(submitted, tasks, context, yarn):
    first = deferral(tasks.heat, context)
    second = deferral(tasks.hydraulic, context)
    assert second.trigger.app_id == first.trigger.app_id
    assert len(yarn.apps) == 1


def test_of_two_apps_launched_at_the_same_moment_the_later_one_stays_and_the_next_try_joins_it(
    submitted, tasks, context, yarn, monkeypatch
):
    first = deferral(tasks.heat, context)
    with monkeypatch.context() as patch:
        # It was not to be seen yet when the other task looked.
        patch.setattr("soh.orchestration.spark_app.clear_the_way", lambda *arguments: None)
        second = deferral(tasks.hydraulic, context)
    assert yarn.killed == [first.trigger.app_id]
    with pytest.raises(AppLost, match="KILLED"):
        ended(tasks.heat, context, first)
    assert deferral(tasks.heat, context).trigger.app_id == second.trigger.app_id


def test_an_app_that_was_killed_for_one_fleet_is_launched_again_for_the_other(submitted, tasks, context, yarn):
    waits = deferral(tasks.hydraulic, context)
    yarn.end(waits.trigger.app_id, "KILLED", "KILLED")
    with pytest.raises(AppLost, match="KILLED"):
        ended(tasks.hydraulic, context, waits)
    context["ti"].states = {"train__heat": "failed", "train__hydraulic": "running"}
    assert deferral(tasks.hydraulic, context).trigger.app_id != waits.trigger.app_id
    assert told(submitted)[:3] == ["--fleets", "hydraulic", "--results"]


def test_figures_count_even_if_the_app_died_at_a_later_fleet(submitted, tasks, context, yarn, leave):
    deferred = deferral(tasks.heat, context)
    leave("heat", deferred.trigger.app_id, figures={"version": 3})
    yarn.end(deferred.trigger.app_id, "FAILED", "FAILED", diagnostics="Exit code is 137")
    assert ended(tasks.heat, context, deferred) == {"version": 3}


@pytest.mark.parametrize(
    ("state", "final", "code", "kind"),
    [
        pytest.param("FINISHED", "SUCCEEDED", 0, AppLost, id="trained-others-only"),
        pytest.param("FINISHED", "FAILED", 1, AppFailed, id="could-tell-nothing"),
        pytest.param("FAILED", "FAILED", 137, AppLost, id="died-without-a-word"),
    ],
)
def test_an_app_that_left_nothing_of_the_fleet_has_not_trained_it(
    submitted, tasks, context, yarn, state, final, code, kind
):
    deferred = deferral(tasks.heat, context)
    yarn.end(deferred.trigger.app_id, state, final, diagnostics=f"exited with status {code}")
    with pytest.raises(kind) as error:
        ended(tasks.heat, context, deferred)
    assert context["ti"].xcoms[FAILURE] == str(error.value)


def test_an_app_of_one_fleet_that_a_person_killed_is_not_retried(submitted, tasks, context, yarn):
    tasks.heat.app = ALONE
    deferred = deferral(tasks.heat, context)
    yarn.end(deferred.trigger.app_id, "KILLED", "KILLED")
    with pytest.raises(AppFailed, match="KILLED"):
        ended(tasks.heat, context, deferred)


def test_a_run_about_one_fleet_leaves_the_other_s_task_out(submitted, tasks, context, yarn):
    context["params"] = params(fleet="hydraulic")
    with pytest.raises(AirflowSkipException, match="hydraulic only"):
        tasks.heat.execute(context)
    assert context["ti"].xcoms == {}
    deferral(tasks.hydraulic, context)
    assert told(submitted)[:3] == ["--fleets", "hydraulic", "--results"]


def test_a_launch_that_was_refused_is_left_for_the_report(submitted, tasks, context, tmp_path):
    (tmp_path / "refuse").touch()
    with pytest.raises(AirflowException):
        tasks.heat.execute(context)
    assert "no such queue" in context["ti"].xcoms[FAILURE]


def test_the_report_tells_of_every_fleet_and_why_one_failed():
    class Xcoms:
        def xcom_pull(self, *, task_ids, key):
            return "S3 is away" if (task_ids, key) == ("train__hydraulic", FAILURE) else None

    fleets = {"heat": TRAINED | {"promoted": True}, "hydraulic": None}
    assert retrain.report_training.function(fleets, params=params(), ti=Xcoms()) == {
        "heat": "heat: version 3 is champion now, macro-F1 0.988: better by 0.012",
        "hydraulic": "hydraulic: failed: S3 is away",
    }
