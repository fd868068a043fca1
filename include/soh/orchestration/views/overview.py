"""What the page shows of facilities, models and readers, made from what the servers said; no input or output here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from soh.classifier.registry import ModelVersion
from soh.orchestration.views.kept import Answer
from soh.orchestration.views.readers import ReaderLook
from soh.serving.tsdb import LatestGrade
from soh.specs import CONSUMER_GROUPS, STREAM_APPS, FleetSpec, ScoringStreamSpec, State, StreamAppSpec
from soh.streams.model_in_use import ModelInUse
from soh.streams.verdict import Verdict
from soh.yarn import YarnApp

MOST_FACILITIES = 1000
"""Of a larger fleet the page lists the worst, and counts all."""

MOST_VERSIONS = 5

_WORST_FIRST = (State.DANGER, State.WARNING, State.CAUTION, State.UNKNOWN, State.NORMAL, State.IDLE)


class Light(StrEnum):
    """How a reader of Kafka does, at a glance."""

    GOOD = "good"
    ATTENTION = "attention"
    BAD = "bad"
    """Stands still, or has lost records: somebody must act."""
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """One model in the registry."""

    champion: ModelVersion | None
    newest: Sequence[ModelVersion]
    """Newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that one refresh of the page knows, each part by the name of its declaration."""

    at: datetime
    grades: Mapping[str, Answer[Sequence[LatestGrade]]]
    """By fleet."""
    in_use: Mapping[str, Answer[ModelInUse | None]]
    """By fleet."""
    versions: Answer[Mapping[str, Versions]]
    """By model."""
    apps: Mapping[str, Answer[YarnApp | None]]
    """By stream app, the newest at the ResourceManager."""
    readers: Mapping[str, Answer[Sequence[ReaderLook]]]
    """By stream or consumer group."""


def scored_fleets() -> list[tuple[StreamAppSpec, ScoringStreamSpec]]:
    """The streams that grade a fleet, with their apps."""
    return [
        (app, stream) for app in STREAM_APPS.values() for stream in app.streams if isinstance(stream, ScoringStreamSpec)
    ]


def silent_after(fleet: FleetSpec) -> timedelta:
    """A facility without a grade for longer than this is called silent."""
    return max(timedelta(minutes=1), 6 * fleet.period)


def fleet_part(fleet: FleetSpec, answer: Answer[Sequence[LatestGrade]], now: datetime) -> dict[str, Any]:
    """One fleet: how many facilities are in each state, and the last grade of each, by number."""
    facilities = [_facility(grade, now - silent_after(fleet)) for grade in answer.value or ()]
    counts = Counter(facility["state"] for facility in facilities)
    facilities.sort(key=lambda facility: (_WORST_FIRST.index(facility["state"]), facility["silent"]))
    shown = sorted(facilities[:MOST_FACILITIES], key=lambda facility: facility["id"])
    return {
        "name": fleet.name,
        "description": fleet.description,
        "has_pf": bool(fleet.power_factors),
        "pf_limits": _pf_limits(fleet),
        "states": {state.value: counts[state] for state in (*fleet.states, State.IDLE, State.UNKNOWN)},
        "silent": sum(facility["silent"] for facility in facilities),
        "facilities": shown,
        "left_out": len(facilities) - len(shown),
        **asked(answer),
    }


def _pf_limits(fleet: FleetSpec) -> list[dict[str, Any]]:
    """Lines of the chart of the power factor, where the fleet's declared rule changes its mind."""
    if not fleet.rule:
        return []
    limits = {State.CAUTION: fleet.rule.caution_below, State.WARNING: fleet.rule.warning_up_to}
    return [{"state": state, "value": value} for state, value in limits.items()]


def _facility(grade: LatestGrade, silent_before: datetime) -> dict[str, Any]:
    return {
        "id": grade.sensor,
        "state": grade.state,
        "pf": number(grade.pf),
        "probability": number(grade.probability),
        "temperature": number(grade.temperature),
        "model_version": grade.model_version,
        "at": time(grade.at),
        "silent": grade.at < silent_before,
    }


def model_part(
    fleet: FleetSpec, used: Answer[ModelInUse | None], registered: Answer[Mapping[str, Versions]]
) -> dict[str, Any]:
    """What a fleet is graded by, and what the registry holds for it."""
    versions = (registered.value or {}).get(fleet.model.name) or Versions(champion=None, newest=())
    in_use = None
    if used.value:
        in_use = {
            "version": used.value.version,
            "since": used.value.since,
            "macro_f1": next(
                (number(v.macro_f1) for v in versions.newest if str(v.version) == used.value.version), None
            ),
        }
    return {
        "fleet": fleet.name,
        "model": fleet.model.name,
        "description": fleet.model.description,
        "states": list(fleet.states),
        "in_use": in_use,
        "refused": used.value.refused if used.value else None,
        "champion": _version(versions.champion) if versions.champion else None,
        "newest": [_version(version) for version in versions.newest[:MOST_VERSIONS]],
        "in_use_asked": asked(used),
        "registry_asked": asked(registered),
    }


def _version(version: ModelVersion) -> dict[str, Any]:
    return {
        "version": str(version.version),
        "macro_f1": number(version.macro_f1),
        "created_at": time(version.created_at),
        "promoted_at": time(version.promoted_at),
        "reason": version.reason,
    }


def reader_parts(seen: Seen) -> list[dict[str, Any]]:
    """Every stream and consumer group, those that need a hand first."""
    parts = [
        {
            "kind": "stream",
            "app": app.name,
            "dag_id": app.dag_id,
            **_reader(stream.name, stream.description, seen.readers[stream.name], seen.apps[app.name]),
        }
        for app in STREAM_APPS.values()
        for stream in app.streams
    ]
    parts += [
        {
            "kind": "consumer group",
            "app": None,
            "dag_id": None,
            **_reader(group.name, group.description, seen.readers[group.name], None),
        }
        for group in CONSUMER_GROUPS.values()
    ]
    order = (Light.BAD, Light.UNSEEN, Light.ATTENTION, Light.GOOD)
    return sorted(parts, key=lambda part: order.index(part["light"]))


def _reader(
    name: str, description: str, looks: Answer[Sequence[ReaderLook]], app: Answer[YarnApp | None] | None
) -> dict[str, Any]:
    worst = max(looks.value or (), key=lambda look: list(Verdict).index(look.judgement.verdict), default=None)
    stopped = app is not None and not app.trouble and not (app.value and app.value.alive)
    if worst is None or looks.trouble:
        light = Light.UNSEEN
    elif worst.judgement.verdict.red:
        light = Light.BAD
    elif stopped or worst.judgement.verdict in {Verdict.WAITING, Verdict.WARN}:
        light = Light.ATTENTION
    else:
        light = Light.GOOD
    return {
        "name": name,
        "description": description,
        "light": light,
        "state": _state(worst, app),
        "reason": worst.judgement.reason if worst else "",
        "lag": sum(look.judgement.lag for look in looks.value) if looks.value else None,
        "last_commit_at": time(worst.committed_at) if worst else None,
        **asked(looks),
    }


def _state(worst: ReaderLook | None, app: Answer[YarnApp | None] | None) -> str:
    """A word or two for people; the reason stands beside it."""
    if worst and worst.judgement.verdict.red:
        return _RED_WORDS[worst.judgement.verdict]
    if app is not None and not app.trouble:
        if app.value is None:
            return "not started"
        if not app.value.alive:
            return app.value.state.lower()
    if worst is None:
        return "not seen"
    return _WORDS[worst.judgement.verdict]


_WORDS = {
    Verdict.OK: "moves",
    Verdict.WAITING: "no commit yet",
    Verdict.IN_BATCH: "in a batch",
    Verdict.WARN: "falls behind",
}
_RED_WORDS = {
    Verdict.STALL: "stands still",
    Verdict.STOP: "stopped",
    Verdict.REWIND: "went back",
    Verdict.TRUNCATED: "lost records",
    Verdict.GONE: "place is gone",
}


def number(value: float | None) -> float | None:
    """JSON knows no NaN and no infinity."""
    return value if value is not None and math.isfinite(value) else None


def time(moment: datetime | None) -> str | None:
    """ISO 8601, to the millisecond."""
    return moment.isoformat(timespec="milliseconds") if moment else None


def asked(answer: Answer[Any]) -> dict[str, Any]:
    """When a server said what is shown, and why it says nothing newer."""
    return {"answered_at": time(answer.at), "trouble": answer.trouble}
