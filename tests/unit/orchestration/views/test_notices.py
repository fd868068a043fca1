from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.orchestration.views.seen import (
    DOWN,
    NOW,
    grade,
    in_use,
    known,
    look,
    registered,
    seen,
    version,
    yarn_app,
)

from soh.orchestration.views.kept import Answer
from soh.orchestration.views.notices import Severity, notices
from soh.specs import CONSUMER_GROUPS, FLEETS, STREAMS
from soh.streams.verdict import Verdict
from soh.yarn import AppState

OLD = timedelta(minutes=5)
EVERY_READER = (*STREAMS, *CONSUMER_GROUPS)


def test_a_platform_that_is_well_has_no_notice():
    assert notices(seen()) == []


@pytest.mark.parametrize(
    ("changes", "severity", "words", "dag_id"),
    [
        pytest.param(
            {"grades": {"heat": Answer(value=[grade()], at=NOW, trouble="refused"), "hydraulic": DOWN}},
            Severity.ERROR,
            ("InfluxDB does not answer", "those of 2026-03-01 12:00:00 UTC", "./soh logs influxdb", "refused"),
            None,
            id="influxdb-down-with-old-values",
        ),
        pytest.param(
            {"grades": dict.fromkeys(FLEETS, DOWN)},
            Severity.ERROR,
            ("No grade can be shown",),
            None,
            id="influxdb-down-since-ever",
        ),
        pytest.param(
            {"grades": {"heat": known([])}}, Severity.NOTE, ("heat has no grade",), "stream__scoring", id="fleet-is-off"
        ),
        pytest.param(
            {"grades": {"heat": known([grade(ago=OLD)])}},
            Severity.WARNING,
            ("newest grade of fleet heat is of 2026-03-01 11:55:00 UTC",),
            "stream__scoring",
            id="fleet-is-silent",
        ),
        pytest.param(
            {"grades": {"heat": known([grade(100), grade(101, ago=OLD)])}},
            Severity.NOTE,
            ("1 of 2 facilities",),
            None,
            id="one-facility-is-silent",
        ),
        pytest.param(
            {"readers": dict.fromkeys(EVERY_READER, DOWN)},
            Severity.ERROR,
            (f"{len(EVERY_READER)} of {len(EVERY_READER)} readers", "it is down"),
            None,
            id="hdfs-or-kafka-down",
        ),
        pytest.param(
            {"readers": {"heat_scoring": known([look(Verdict.STALL)])}},
            Severity.ERROR,
            ("heat_scoring is in trouble (stall)", "new driver", "the reason of stall"),
            "stream__scoring",
            id="stream-stands-still",
        ),
        pytest.param(
            {"readers": {"scores_to_tsdb": known([look(Verdict.STOP)])}},
            Severity.ERROR,
            ("scores_to_tsdb", "./soh logs scores-to-tsdb"),
            "consumer_watch",
            id="group-stands-still",
        ),
        pytest.param(
            {"readers": {"heat_to_lake": known([look(Verdict.TRUNCATED)])}},
            Severity.ERROR,
            ("No restart mends this",),
            "stream__lake",
            id="records-lost",
        ),
        pytest.param({"apps": {"lake": DOWN}}, Severity.WARNING, ("YARN does not answer",), None, id="yarn-down"),
        pytest.param(
            {"apps": {"lake": known(yarn_app(AppState.KILLED))}},
            Severity.WARNING,
            ("lake does not run", "unpause", "killed by hand"),
            "stream__lake",
            id="app-killed",
        ),
        pytest.param({"versions": DOWN}, Severity.WARNING, ("registry does not answer",), None, id="registry-down"),
        pytest.param(
            {"in_use": {"heat": in_use("2", "version 3: its SHA-256 differs")}},
            Severity.WARNING,
            ("heat is graded by version 2", "refused the champion", "version 3: its SHA-256 differs"),
            "soh_retrain",
            id="artefact-refused",
        ),
        pytest.param(
            {"in_use": {"heat": in_use("rule")}},
            Severity.WARNING,
            ("graded by its declared rule", "champion is version 3"),
            "stream__scoring",
            id="champion-not-taken-up",
        ),
        pytest.param(
            {"in_use": {"hydraulic": in_use("none")}, "versions": registered(None)},
            Severity.NOTE,
            ("hydraulic has no model yet",),
            "soh_retrain",
            id="no-model-yet",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(changes, severity, words, dag_id):
    (notice,) = notices(seen(**changes))
    assert (notice.severity, notice.dag_id) == (severity, dag_id)
    text = " ".join((notice.what, notice.do, notice.detail))
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"versions": registered(version(4, promoted_ago=timedelta(seconds=30)))}, id="promoted-just-now"),
        pytest.param({"in_use": {"heat": in_use("rule")}, "versions": registered(None)}, id="graded-by-the-rule"),
        pytest.param({"in_use": {"heat": known(None)}}, id="no-batch-yet"),
        pytest.param({"readers": {"heat_scoring": known([look(Verdict.IN_BATCH)])}}, id="in-a-batch"),
    ],
)
def test_what_is_as_it_should_be_is_not_worth_a_word(changes):
    assert notices(seen(**changes)) == []


def test_the_loudest_comes_first():
    found = notices(seen(grades={"heat": known([])}, apps={"lake": known(None)}, readers={"heat_scoring": DOWN}))
    assert [notice.severity for notice in found] == [Severity.ERROR, Severity.WARNING, Severity.NOTE]
