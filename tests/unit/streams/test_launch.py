"""Launch, adopt or replace; and how long to hold back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from soh.specs.streams import LAKE
from soh.streams.launch import RECENT, Adopt, Launch, Replace, backoff, ended_lately, plan_launch, run_tag, work_tag
from soh.yarn import AppState, YarnApp

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OWN, OTHER = run_tag("stream__lake", "this"), run_tag("stream__lake", "another")


def app(number, state=AppState.RUNNING, *, tag=OTHER, lived=30 * SECOND, ended_ago=timedelta()):
    ended = state in {AppState.FINISHED, AppState.FAILED, AppState.KILLED}
    finished = NOW - ended_ago
    return YarnApp(
        id=f"application_1_{number}",
        name="soh lake",
        state=state,
        final_state="UNDEFINED",
        tags=frozenset({LAKE.yarn_tag, tag}),
        started=finished - lived,
        finished=finished if ended else None,
    )


@pytest.mark.parametrize(
    ("apps", "plan"),
    [
        pytest.param([], Launch(), id="nothing-ever-ran"),
        pytest.param([app(1, AppState.FAILED), app(2, AppState.KILLED, tag=OWN)], Launch(), id="all-have-ended"),
        pytest.param([app(1, tag=OWN)], Adopt("application_1_1"), id="this-run-has-one-running"),
        pytest.param([app(1, AppState.ACCEPTED, tag=OWN)], Adopt("application_1_1"), id="accepted-counts-as-alive"),
        pytest.param([app(1, AppState.SUBMITTED, tag=OWN)], Adopt("application_1_1"), id="submitted-counts-as-alive"),
        pytest.param([app(1)], Replace(("application_1_1",)), id="another-run-s-is-alive"),
        pytest.param([app(1), app(2)], Replace(("application_1_1", "application_1_2")), id="two-of-other-runs"),
        pytest.param([app(1), app(2, tag=OWN)], Replace(("application_1_1",)), id="own-and-foreign-keeps-own"),
        pytest.param(
            [app(1, tag=OWN), app(2, tag=OWN)],
            Replace(("application_1_1", "application_1_2")),
            id="two-of-this-run-nobody-knows-which-writes",
        ),
        pytest.param([app(1, AppState.KILLED), app(2)], Replace(("application_1_2",)), id="the-dead-are-not-killed"),
    ],
)
def test_plan_launch(apps, plan):
    assert plan_launch(apps, OWN) == plan


def test_a_run_has_one_tag_that_yarn_takes_and_no_other_run_has():
    tag = run_tag("stream__lake", "scheduled__2026-01-01T00:00:00+00:00")
    assert tag == run_tag("stream__lake", "scheduled__2026-01-01T00:00:00+00:00")
    assert tag.startswith("soh_run_")
    assert len(tag) == len("soh_run_") + 16
    tags = {run_tag("a", "b"), run_tag("a", "c"), run_tag("b", "b"), run_tag("ab", ""), run_tag("a", "b", "task")}
    assert len(tags) == 5


def test_a_batch_task_has_one_work_tag_in_all_runs():
    assert work_tag("batch_nightly", "compact__heat_raw") != work_tag("batch_nightly", "compact__hydraulic_raw")
    assert work_tag("batch_nightly", "compact__heat_raw").startswith("soh_work_")


def test_what_ended_lately_is_to_be_proven_gone():
    apps = [
        app(1, AppState.KILLED, ended_ago=2 * RECENT),
        app(2, AppState.FAILED, ended_ago=SECOND),
        # FINISHING: ended for the ResourceManager, without a time of its end yet.
        replace(app(3, AppState.FINISHED), finished=None),
        app(4),
    ]
    assert ended_lately(apps, NOW) == ["application_1_2", "application_1_3"]


FAILED = AppState.FAILED
STABLE = LAKE.stable_after


@pytest.mark.parametrize(
    ("apps", "expected"),
    [
        pytest.param([], 0, id="first-launch-ever"),
        pytest.param([app(1, FAILED)], 10, id="one-short-life"),
        pytest.param([app(1, FAILED), app(2, FAILED)], 20, id="two-in-a-row-double"),
        pytest.param([app(n, FAILED) for n in range(4)], 80, id="four-in-a-row"),
        pytest.param([app(n, FAILED) for n in range(400)], 300, id="capped-however-many"),
        pytest.param([app(1, FAILED, ended_ago=4 * SECOND)], 6, id="time-since-the-end-counts"),
        pytest.param([app(1, FAILED, ended_ago=60 * SECOND)], 0, id="waited-long-enough"),
        pytest.param([app(1, FAILED, lived=STABLE)], 0, id="a-stable-life-needs-no-wait"),
        pytest.param([app(1, FAILED, lived=STABLE - SECOND)], 10, id="just-not-stable"),
        pytest.param(
            [*(app(n, FAILED, ended_ago=3600 * SECOND) for n in range(5)), app(6, FAILED, lived=STABLE)],
            0,
            id="a-stable-life-forgives-all-before",
        ),
        pytest.param(
            [app(1, FAILED, lived=STABLE, ended_ago=60 * SECOND), app(2, FAILED)],
            10,
            id="counting-begins-anew-after-a-stable-life",
        ),
        pytest.param([app(1, AppState.KILLED)], 0, id="stopped-by-hand-is-no-failure"),
        pytest.param(
            [app(1, FAILED, ended_ago=5 * SECOND), app(2, AppState.KILLED)], 5, id="a-kill-neither-adds-nor-forgives"
        ),
        pytest.param([app(1, AppState.FINISHED)], 10, id="a-stream-that-finished-has-failed"),
        pytest.param([app(1)], 0, id="the-living-do-not-count"),
    ],
)
def test_backoff(apps, expected):
    assert backoff(apps, NOW, LAKE) == expected * SECOND
