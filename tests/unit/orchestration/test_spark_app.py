"""Apps as tasks: a real submission through the provider's hook, to a spark-submit that tells a small YARN."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferralTimeout
from tests.fakes.endpoints import SECRETS
from tests.fakes.tasks import deferral, ended

from soh.errors import AppFailed, AppLost, ServerUnreachable
from soh.orchestration import spark_app
from soh.orchestration.app_triggers import AppTrigger, StreamAppTrigger
from soh.orchestration.assets import ASSETS
from soh.orchestration.batch_app import BatchAppOperator
from soh.orchestration.spark_app import LinkKey
from soh.orchestration.stream_app import StreamAppOperator
from soh.specs.apps import COMPACT_DAY
from soh.specs.streams import LAKE
from soh.streams.launch import run_tag, work_tag

NOW = datetime.now(tz=UTC)
TAG = run_tag("stream__lake", "run_1")
ELSE = run_tag("stream__lake", "run_0")


@pytest.fixture
def stream():
    with DAG("stream__lake", schedule=None, start_date=NOW):
        return StreamAppOperator(task_id="run__app", app=LAKE)


@pytest.fixture
def batch():
    with DAG("batch_nightly", schedule=None, start_date=NOW):
        return BatchAppOperator(
            task_id="compact__heat_raw",
            app=COMPACT_DAY,
            arguments=["--table", "heat_raw", "--day", "2026-01-01"],
            outlets=[ASSETS["heat_raw"]],
        )


def test_a_stream_app_is_submitted_and_the_task_defers(submitted, stream, context, yarn):
    deferred = deferral(stream, context)
    (app_id,) = yarn.apps
    assert set(yarn.apps[app_id]["applicationTags"].split(",")) == {"soh_app_lake", TAG}
    assert isinstance(deferred.trigger, StreamAppTrigger)
    assert (deferred.trigger.app, deferred.trigger.app_id) == ("lake", app_id)
    arguments = submitted()["arguments"]
    assert arguments[arguments.index("--deploy-mode") + 1] == "cluster"
    assert arguments[arguments.index("--master") + 1] == "yarn"
    assert Path(arguments[-7]).name == "lake.py"
    assert arguments[-6:-4] == ["--app", "lake"]


def test_secrets_go_in_a_private_file_that_is_gone_afterwards(submitted, stream, context, connections, caplog):
    secrets = asdict(SECRETS)
    deferred = deferral(stream, context)
    told = submitted()
    assert [name for name, secret in secrets.items() if f"={secret}\n" not in told["properties"]] == []
    assert (told["mode"], told["folder_mode"]) == (0o600, 0o700)
    arguments = told["arguments"]
    assert not Path(arguments[arguments.index("--properties-file") + 1]).parent.exists()
    seen = [*arguments, str(deferred.trigger.serialize()), str(deferred.kwargs), str(context["ti"].xcoms), caplog.text]
    seen += [str(getattr(stream, field)) for field in stream.template_fields]
    assert not [name for name, secret in secrets.items() if any(secret in text for text in seen)]
    assert "--conf" not in arguments


def test_a_bundle_of_the_library_goes_along(submitted, stream, context, tmp_path):
    deferral(stream, context)
    assert "soh/specs/streams.py" in zipfile.ZipFile(tmp_path / "soh.zip").namelist()


def test_links_work_while_the_task_is_deferred(submitted, stream, context, yarn):
    deferral(stream, context)
    (app_id,) = yarn.apps
    assert context["ti"].xcoms == {
        LinkKey.YARN_APPLICATION.value: f"{yarn.url}/cluster/app/{app_id}",
        LinkKey.DRIVER_LOG.value: yarn.apps[app_id]["amContainerLogs"],
        LinkKey.CHECKPOINTS.value: f"{yarn.url}/webhdfs/v1/soh/checkpoints?op=LISTSTATUS",
    }


def test_this_run_s_app_is_adopted_and_nothing_is_submitted(submitted, stream, context, yarn, monkeypatch):
    monkeypatch.setattr("soh.streams.takeover.SECOND_LOOK", timedelta())
    yarn.add("application_1_1", "RUNNING", "soh_app_lake", TAG)
    assert deferral(stream, context).trigger.app_id == "application_1_1"
    assert list(yarn.apps) == ["application_1_1"]


def test_another_run_s_app_is_killed_before_the_submission(submitted, stream, context, yarn):
    yarn.add("application_1_1", "RUNNING", "soh_app_lake", ELSE)
    yarn.dies_after = 1
    assert deferral(stream, context).trigger.app_id != "application_1_1"
    assert yarn.killed == ["application_1_1"]
    assert "_1_1_" not in "".join(yarn.containers)


def test_short_lifetimes_hold_the_launch_back_without_a_worker(submitted, stream, context, yarn):
    now = datetime.now(tz=UTC)
    yarn.add("application_1_1", "FAILED", "soh_app_lake", ELSE, started=now - timedelta(seconds=9), finished=now)
    deferred = deferral(stream, context)
    assert isinstance(deferred.trigger, DateTimeTrigger)
    assert now + timedelta(seconds=5) <= deferred.trigger.moment <= now + timedelta(seconds=11)
    assert list(yarn.apps) == ["application_1_1"]
    after = deferral(stream, context, deferred.method_name, event=deferred.trigger.moment)
    assert isinstance(after.trigger, StreamAppTrigger)
    assert len(yarn.apps) == 2


def test_a_second_app_that_appears_beside_ours_is_killed(submitted, stream, context, yarn, monkeypatch):
    submit = StreamAppOperator._submit

    def submit_with_a_late_one(self, *arguments):
        yarn.add("application_1_1", "ACCEPTED", "soh_app_lake", ELSE, started=NOW - timedelta(minutes=1))
        submit(self, *arguments)

    monkeypatch.setattr(StreamAppOperator, "_submit", submit_with_a_late_one)
    mine = deferral(stream, context).trigger.app_id
    assert yarn.killed == ["application_1_1"]
    assert yarn.apps[mine]["state"] == "ACCEPTED"


def test_a_submission_that_yarn_never_lists_is_an_error_that_retries_serve(submitted, stream, context, monkeypatch):
    monkeypatch.setattr(spark_app, "LISTED_WITHIN", timedelta(seconds=0.2))
    monkeypatch.setattr(StreamAppOperator, "_submit", lambda *arguments: None)
    with pytest.raises(ServerUnreachable, match=TAG):
        stream.execute(context)


def test_a_refused_submission_fails_with_the_words_of_spark_submit(submitted, stream, context, tmp_path):
    (tmp_path / "refuse").touch()
    with pytest.raises(AirflowException, match="no such queue"):
        stream.execute(context)


@pytest.mark.parametrize(("state", "final"), [("FAILED", "FAILED"), ("FINISHED", "SUCCEEDED"), ("KILLED", "KILLED")])
def test_any_end_of_a_stream_app_fails_the_run_for_good_with_reason_and_log(
    submitted, stream, context, yarn, state, final
):
    deferred = deferral(stream, context)
    yarn.end(deferred.trigger.app_id, state, final, diagnostics="Exit code is 137")
    with pytest.raises(AirflowFailException, match=r"Exit code is 137; driver log: http"):
        ended(stream, context, deferred)


def test_a_stream_app_that_was_given_up_is_killed_and_gone_before_the_run_fails(submitted, stream, context, yarn):
    deferred = deferral(stream, context)
    yarn.dies_after = 1
    with pytest.raises(AirflowFailException, match="stands still"):
        ended(stream, context, deferred, reason="heat_to_lake stands still")
    assert yarn.killed == [deferred.trigger.app_id]
    assert yarn.containers == {}


def test_an_app_that_yarn_forgot_fails_the_run(submitted, stream, context, yarn):
    deferred = deferral(stream, context)
    yarn.apps.clear()
    with pytest.raises(AirflowFailException, match="forgot"):
        ended(stream, context, deferred)


def test_a_batch_app_gets_its_arguments_and_the_place_for_its_figures(submitted, batch, context, yarn):
    deferred = deferral(batch, context)
    tag = run_tag("batch_nightly", "run_1", "compact__heat_raw")
    assert type(deferred.trigger) is AppTrigger
    assert submitted()["arguments"][-6:] == [
        "--table",
        "heat_raw",
        "--day",
        "2026-01-01",
        "--result",
        f"hdfs://127.0.0.1:3/soh/results/{tag}.json",
    ]
    (app,) = yarn.apps.values()
    work = work_tag("batch_nightly", "compact__heat_raw")
    assert set(app["applicationTags"].split(",")) == {"soh_app_compact_day", work, tag}


def test_a_batch_app_of_another_task_is_left_alone(submitted, batch, context, yarn):
    yarn.add("application_1_1", "RUNNING", "soh_app_compact_day", work_tag("batch_nightly", "compact__hydraulic_raw"))
    deferral(batch, context)
    assert yarn.killed == []


def test_an_orphan_of_the_same_task_in_another_run_is_killed(submitted, batch, context, yarn):
    yarn.add("application_1_1", "RUNNING", "soh_app_compact_day", work_tag("batch_nightly", "compact__heat_raw"))
    deferral(batch, context)
    assert yarn.killed == ["application_1_1"]


def test_figures_are_the_result_and_the_extra_of_the_asset_event(submitted, batch, context, yarn):
    deferred = deferral(batch, context)
    figures = {"rows": 10, "files_before": 9, "files_after": 1}
    yarn.end(deferred.trigger.app_id, "FINISHED", "SUCCEEDED")
    yarn.files[f"/soh/results/{run_tag('batch_nightly', 'run_1', batch.task_id)}.json"] = json.dumps(figures)
    assert ended(batch, context, deferred) == figures
    assert context["outlet_events"][ASSETS["heat_raw"]].extra == figures


def test_an_app_that_ends_well_without_figures_has_failed(submitted, batch, context, yarn):
    deferred = deferral(batch, context)
    yarn.end(deferred.trigger.app_id, "FINISHED", "SUCCEEDED")
    with pytest.raises(AppFailed, match="/soh/results/soh_run_"):
        ended(batch, context, deferred)


@pytest.mark.parametrize(
    ("state", "final", "code", "error"),
    [
        pytest.param("FINISHED", "FAILED", 1, AppFailed, id="failed-by-its-own-account-is-not-retried"),
        pytest.param("KILLED", "KILLED", 1, AppFailed, id="killed-by-a-person-is-not-retried"),
        pytest.param("FAILED", "FAILED", 1, AppLost, id="died-without-a-word-is-retried"),
        pytest.param("FINISHED", "FAILED", 75, AppLost, id="asked-for-another-try-is-retried"),
    ],
)
def test_how_a_batch_app_failed_decides_about_retries(submitted, batch, context, yarn, state, final, code, error):
    deferred = deferral(batch, context)
    yarn.end(deferred.trigger.app_id, state, final, diagnostics=f"User application exited with status {code}")
    with pytest.raises(error, match=f"exited with status {code}"):
        ended(batch, context, deferred)


def test_an_app_that_runs_out_of_time_is_killed_and_gone(submitted, batch, context, yarn):
    deferred = deferral(batch, context)
    with pytest.raises(AirflowFailException, match="ran longer"):
        batch.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    assert yarn.killed == [deferred.trigger.app_id]
    assert yarn.containers == {}


def test_a_trigger_that_broke_is_left_to_the_retries(submitted, batch, context, yarn):
    deferral(batch, context)
    with pytest.raises(AirflowException) as error:
        batch.resume_execution("__fail__", {"error": "Trigger failure"}, context)
    assert not isinstance(error.value, AirflowFailException | TaskDeferralTimeout)
    assert yarn.killed == []


def test_a_killed_submission_is_stopped(submitted, stream, tmp_path):
    stream.on_kill()
    script = tmp_path / "bin" / "spark-submit"
    script.write_text(f"#!{sys.executable}\nimport time; time.sleep(60)\n")
    stream._hook = stream._get_hook()
    stream._hook._submit_sp = subprocess.Popen([str(script)])
    stream.on_kill()
    assert stream._hook._submit_sp.wait(timeout=5) == -9
