"""One training: from the lake to a registered version of a fleet's model, and to a champion where the gate lets it."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession

from soh.classifier import registry as tags
from soh.classifier.artefact import decode, encode, sha256
from soh.classifier.gate import Evaluation, Overrule, judge
from soh.classifier.registry import ModelVersion, Registry
from soh.classifier.store import ArtefactStore
from soh.errors import PermanentError
from soh.lake.figures import Steps
from soh.specs import FleetSpec
from soh.specs.models import ModelSpec
from soh_spark.enrolment import Enrolment
from soh_spark.labels import labelled_windows
from soh_spark.learning import Windows, evaluate, fetch, lacking, learn, parameters

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How one version did on the hold-out of this training."""

    version: int
    macro_f1: float
    class_f1: dict[str, float]
    size: int
    """Bytes of the artefact."""
    latency_ms: float
    """For 1,000 rows on one core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """What came of one training."""

    fleet: str
    model: str
    trained: bool
    """False where there were too few labels; then there is no challenger."""
    promoted: bool
    reason: str
    """Why there was no training, or why the challenger was promoted or kept back, in a sentence."""
    version: int | None = None
    """The challenger's, as is what follows; None where there is none."""
    macro_f1: float | None = None
    class_f1: dict[str, float] | None = None
    size: int | None = None
    latency_ms: float | None = None
    champion: Figures | None = None
    """The champion before this training, on the same rows; None where none could be compared."""
    windows: int
    """Labelled windows in the lake, as far back as training looks."""
    taught: int
    """How many of them the challenger learned from."""
    held_out: int
    """How many of them it was tested on."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By step."""
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Where models are kept: read, written, and their artefacts."""

    registry: Registry
    enrolment: Enrolment
    artefacts: ArtefactStore


def train(spark: SparkSession, fleet: FleetSpec, models: Models, overrule: Overrule | None) -> TrainingResult:
    """Train the fleet's classifier on the lake, register it, and promote it if the gate or a person says so.

    Nothing is changed before the model is there and tested; the champion's alias moves last. Raises
    ServerUnreachable.
    """
    started_at, steps = datetime.now(UTC), Steps()
    spec = fleet.model
    missing = [
        table.name
        for table in (fleet.table, fleet.inspections_table)
        if not spark.catalog.tableExists(table.identifier)
    ]
    if missing:
        return _untrained(fleet, f"the lake has no table {' and no '.join(missing)} yet", 0, started_at, steps)
    with steps.step("windows"):
        windows = fetch(labelled_windows(spark, fleet), spec)
        log.info("%d of %d labelled windows", len(windows), windows.of)
    if reason := lacking(windows, spec):
        return _untrained(fleet, reason, windows.of, started_at, steps)

    taught, held_out = windows.part(held_out=False), windows.part(held_out=True)
    with steps.step("fit"):
        artefact = encode(spec, learn(taught, spec), started_at)
    with steps.step("gate"):
        found = evaluate(decode(artefact, spec), held_out, len(artefact))
        champion, compared, note = _champion(spec, models, held_out)
        decision = judge(found, compared, spec.gate, overrule)
        reason = f"{decision.reason}; {note}" if note else decision.reason
    with steps.step("register"):
        version = _register(spec, models, artefact, started_at, found, reason, windows)
        if decision.promote:
            models.enrolment.promote(spec, version)
    return TrainingResult(
        fleet=fleet.name,
        model=spec.name,
        trained=True,
        promoted=decision.promote,
        reason=reason,
        **asdict(_figures(version, found)),
        champion=_figures(champion.version, compared) if champion and compared else None,
        windows=windows.of,
        taught=len(taught),
        held_out=len(held_out),
        seconds=steps.seconds,
        started_at=started_at,
    )


def _untrained(fleet: FleetSpec, reason: str, windows: int, started_at: datetime, steps: Steps) -> TrainingResult:
    return TrainingResult(
        fleet=fleet.name,
        model=fleet.model.name,
        trained=False,
        promoted=False,
        reason=reason,
        windows=windows,
        taught=0,
        held_out=0,
        seconds=steps.seconds,
        started_at=started_at,
    )


def _champion(
    spec: ModelSpec, models: Models, held_out: Windows
) -> tuple[ModelVersion | None, Evaluation | None, str | None]:
    """The present champion, how it does on the hold-out, and why that is not known, if it is not."""
    champion = models.registry.champion(spec.name)
    if champion is None:
        return None, None, None
    try:
        artefact = models.artefacts.get(champion.uri, champion.sha256)
        return champion, evaluate(decode(artefact, spec), held_out, len(artefact)), None
    except PermanentError as error:
        # A champion that grades nothing must not stand in the way of one that does.
        return champion, None, f"the champion, version {champion.version}, could not be compared: {error}"


def _register(
    spec: ModelSpec,
    models: Models,
    artefact: bytes,
    trained_at: datetime,
    found: Evaluation,
    reason: str,
    windows: Windows,
) -> int:
    """Keep the artefact and make it the next version; returns its number."""
    digest = sha256(artefact)
    uri = models.artefacts.put(f"{spec.name}/{digest}.json", artefact)
    return models.enrolment.register(
        spec,
        uri,
        trained_at,
        parameters={
            **parameters(spec),
            "rounds": spec.learning.rounds,
            "windows": windows.of,
            "windows_used": len(windows),
            "hold_out": f"{spec.hold_out.by} % {spec.hold_out.every} == {spec.hold_out.remainder}",
        },
        metrics={
            "macro_f1": found.macro_f1,
            **{f"f1_{state}": f1 for state, f1 in found.class_f1.items()},
            "size": found.size,
            "latency_ms": _milliseconds(found.latency),
        },
        tags={tags.SHA256: digest, tags.SIZE: len(artefact), tags.MACRO_F1: found.macro_f1, tags.REASON: reason},
    )


def _figures(version: int, found: Evaluation) -> Figures:
    return Figures(
        version=version,
        macro_f1=found.macro_f1,
        class_f1={state.value: f1 for state, f1 in found.class_f1.items()},
        size=found.size,
        latency_ms=_milliseconds(found.latency),
    )


def _milliseconds(duration: timedelta) -> float:
    return round(duration / timedelta(milliseconds=1), 2)
