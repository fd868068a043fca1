"""What is wrong with the platform and what to do about it, in sentences; no input or output here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from soh.orchestration.views.overview import Seen, scored_fleets, silent_after
from soh.specs import CONSUMER_GROUPS, FLEETS, STREAM_APPS, FleetSpec, StreamAppSpec
from soh.streams.verdict import Judgement, Verdict

_TAKEN_UP_WITHIN = timedelta(minutes=2)
"""A champion that is not in use for longer than this after its promotion is worth a word."""

_CURED_BY_RESTART = frozenset({Verdict.STALL, Verdict.STOP})


class Severity(StrEnum):
    """How loud a notice is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that a person should know."""

    severity: Severity
    what: str
    do: str
    detail: str = ""
    """The server's own words."""
    dag_id: str | None = None
    """The Dag to look at."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def notices(seen: Seen) -> list[Notice]:
    """Everything worth a banner, the loudest first."""
    found = [*_grades(seen), *_readers(seen), *_apps(seen), *_models(seen)]
    return sorted(found, key=lambda notice: list(Severity).index(notice.severity))


def _grades(seen: Seen) -> Iterator[Notice]:
    silenced = [(FLEETS[name], answer) for name, answer in seen.grades.items() if answer.trouble]
    if silenced:
        oldest = min((answer.at for _, answer in silenced if answer.at), default=None)
        what = "InfluxDB does not answer. "
        what += f"The grades below are those of {_clock(oldest)}." if oldest else "No grade can be shown."
        yield Notice(
            severity=Severity.ERROR,
            what=what,
            do="Streams go on grading, and the grades wait in Kafka. See whether the service influxdb runs: "
            "./soh status, then ./soh logs influxdb.",
            detail=silenced[0][1].trouble,
        )
    for name, answer in seen.grades.items():
        if not answer.trouble:
            yield from _silence(FLEETS[name], [grade.at for grade in answer.value or ()], seen.at)


def _silence(fleet: FleetSpec, graded_at: list[datetime], now: datetime) -> Iterator[Notice]:
    limit = silent_after(fleet)
    silent = sum(at < now - limit for at in graded_at)
    if not graded_at:
        yield Notice(
            severity=Severity.NOTE,
            what=f"Fleet {fleet.name} has no grade of the last 24 hours.",
            do="If it should have, see whether it sends (./soh status) and whether the Dag below runs.",
            dag_id=_scored_by(fleet).dag_id,
        )
    elif silent == len(graded_at):
        yield Notice(
            severity=Severity.WARNING,
            what=f"The newest grade of fleet {fleet.name} is of {_clock(max(graded_at))}.",
            do="Either the fleet sends nothing, or a reader below stands still: see its lag.",
            dag_id=_scored_by(fleet).dag_id,
        )
    elif silent:
        yield Notice(
            severity=Severity.NOTE,
            what=f"{silent} of {len(graded_at)} facilities of fleet {fleet.name} have sent nothing "
            f"for {limit.total_seconds():.0f} s or longer.",
            do="They are hatched below, with the state they were last seen in. See their power and their network.",
        )


def _readers(seen: Seen) -> Iterator[Notice]:
    unseen = [(name, answer.trouble) for name, answer in seen.readers.items() if answer.trouble]
    if unseen:
        yield Notice(
            severity=Severity.ERROR,
            what=f"{len(unseen)} of {len(seen.readers)} readers of Kafka cannot be judged: HDFS or Kafka is silent.",
            do="See which service does not run: ./soh status. A stream may go on all the same.",
            detail=unseen[0][1],
        )
    for app in STREAM_APPS.values():
        for stream in app.streams:
            for judgement in _red(seen, stream.name):
                yield _standing(stream.name, judgement, app)
    for name in CONSUMER_GROUPS:
        for judgement in _red(seen, name):
            yield _standing(name, judgement, None)


def _red(seen: Seen, name: str) -> list[Judgement]:
    answer = seen.readers[name]
    return [] if answer.trouble else [look.judgement for look in answer.value or () if look.judgement.verdict.red]


def _standing(name: str, judgement: Judgement, app: StreamAppSpec | None) -> Notice:
    if judgement.verdict not in _CURED_BY_RESTART:
        do = "No restart mends this. The Dag consumer_watch explains the word, and what may be lost."
    elif app:
        do = "Its Dag repairs this by a new driver within minutes. Act if it stays: is the Dag unpaused?"
    else:
        do = f"It is a service of its own: ./soh status, then ./soh logs {name.replace('_', '-')}."
    return Notice(
        severity=Severity.ERROR,
        what=f"{name} is in trouble ({judgement.verdict.replace('_', ' ')}).",
        do=do,
        detail=judgement.reason,
        dag_id=app.dag_id if app else "consumer_watch",
    )


def _apps(seen: Seen) -> Iterator[Notice]:
    unseen = [answer.trouble for answer in seen.apps.values() if answer.trouble]
    if unseen:
        yield Notice(
            severity=Severity.WARNING,
            what="YARN does not answer: whether the stream apps run is not known.",
            do="See whether the service resourcemanager runs: ./soh status. Drivers go on without it.",
            detail=unseen[0],
        )
    for name, answer in seen.apps.items():
        if answer.trouble or (answer.value and answer.value.alive):
            continue
        yield Notice(
            severity=Severity.WARNING,
            what=f"Stream app {name} does not run.",
            do="Its Dag launches it again within seconds, unless the Dag is paused: unpause it to start the app.",
            detail=answer.value.ending if answer.value else "YARN knows no application of it.",
            dag_id=STREAM_APPS[name].dag_id,
        )


def _models(seen: Seen) -> Iterator[Notice]:
    if seen.versions.trouble:
        yield Notice(
            severity=Severity.WARNING,
            what="The model registry does not answer: champions are not known.",
            do="Streams go on with the model they have. See whether the service postgres runs: ./soh status.",
            detail=seen.versions.trouble,
        )
    for fleet in FLEETS.values():
        used = seen.in_use[fleet.name]
        if used.trouble or used.value is None:
            continue
        champion = (seen.versions.value or {}).get(fleet.model.name)
        promoted = champion.champion if champion else None
        if used.value.refused:
            yield Notice(
                severity=Severity.WARNING,
                what=f"Fleet {fleet.name} is graded by {_model(used.value.version)}, because its stream refused "
                "the champion.",
                do="Every reading is graded all the same. Train a new version, or mend the artefact on S3.",
                detail=used.value.refused,
                dag_id="soh_retrain",
            )
        elif promoted and promoted.promoted_at and str(promoted.version) != used.value.version:
            if seen.at - promoted.promoted_at > _TAKEN_UP_WITHIN:
                yield Notice(
                    severity=Severity.WARNING,
                    what=f"Fleet {fleet.name} is graded by {_model(used.value.version)}; its champion is version "
                    f"{promoted.version} since {_clock(promoted.promoted_at)}.",
                    do="The stream takes a champion up with its next batch: does it read, and does the fleet send?",
                    dag_id=_scored_by(fleet).dag_id,
                )
        elif used.value.version == "none":
            yield Notice(
                severity=Severity.NOTE,
                what=f"Fleet {fleet.name} has no model yet: its facilities are unknown.",
                do="Train one: trigger the Dag below. It needs inspections in the lake.",
                dag_id="soh_retrain",
            )


def _model(version: str) -> str:
    return {"rule": "its declared rule", "none": "no model"}.get(version, f"version {version}")


def _scored_by(fleet: FleetSpec) -> StreamAppSpec:
    return next(app for app, stream in scored_fleets() if stream.fleet == fleet)


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
