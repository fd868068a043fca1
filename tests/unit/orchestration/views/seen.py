"""What a refresh sees of a platform that is well; tests change one thing of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from soh.classifier.registry import ModelVersion
from soh.orchestration.views.kept import Answer
from soh.orchestration.views.overview import Seen, Versions
from soh.orchestration.views.readers import ReaderLook
from soh.serving.tsdb import LatestGrade
from soh.specs import CONSUMER_GROUPS, FLEETS, STREAM_APPS, STREAMS, State
from soh.streams.model_in_use import ModelInUse
from soh.streams.verdict import Judgement, Verdict
from soh.yarn import AppState, YarnApp

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOWN = Answer(trouble="it is down")


def known(value):
    return Answer(value=value, at=NOW)


def grade(sensor=100, state=State.NORMAL, ago=timedelta(seconds=3), **changes):
    made = LatestGrade(
        sensor=sensor,
        at=NOW - ago,
        state=state,
        probability=0.97,
        pf=0.91,
        temperature=41.5,
        model_version="3",
        seq=7,
        sent_at=NOW - ago,
    )
    return replace(made, **changes)


def version(number=3, promoted_ago=timedelta(days=1), **changes):
    made = ModelVersion(
        model="soh_heat",
        version=number,
        uri="s3://soh-models/x",
        sha256="0" * 64,
        size=1,
        macro_f1=0.9 + number / 100,
        promoted_at=NOW - promoted_ago if promoted_ago is not None else None,
        reason="better in every state",
        created_at=NOW - timedelta(days=2),
    )
    return replace(made, **changes)


def in_use(number="3", refused=None):
    return known(ModelInUse(version=number, from_batch=5, since="2026-02-28T12:00:00+00:00", refused=refused))


def look(verdict=Verdict.OK, lag=0, topic="heat"):
    judgement = Judgement(verdict=verdict, partition=0, lag=lag, reason=f"the reason of {verdict}")
    return ReaderLook(topic=topic, judgement=judgement, committed_at=NOW - timedelta(seconds=4))


def yarn_app(state=AppState.RUNNING):
    return YarnApp(
        id="application_1_0001",
        name="soh lake",
        state=state,
        final_state="UNDEFINED",
        tags=frozenset(),
        started=NOW - timedelta(hours=1),
        finished=None,
        diagnostics="killed by hand",
    )


def registered(champion, newest=None):
    versions = Versions(champion=champion, newest=newest or [each for each in (champion,) if each])
    return known({fleet.model.name: versions for fleet in FLEETS.values()})


def seen(**changes):
    """A refresh in which all is well, but for `changes`: a part, or `part={name: answer}` to change one of many."""
    well = Seen(
        at=NOW,
        grades={name: known([grade(fleet.first_facility)]) for name, fleet in FLEETS.items()},
        in_use={name: in_use() for name in FLEETS},
        versions=registered(version()),
        apps={name: known(yarn_app()) for name in STREAM_APPS},
        readers={name: known([look()]) for name in (*STREAMS, *CONSUMER_GROUPS)},
    )
    merged = {
        name: getattr(well, name) | change if isinstance(change, dict) else change for name, change in changes.items()
    }
    return replace(well, **merged)
