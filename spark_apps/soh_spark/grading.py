"""From a reading and its window to a state of health: by the champion, by the fleet's rule, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DecimalType, DoubleType, StringType, StructField, StructType

from soh.classifier.artefact import Classifier, decode
from soh.specs import FleetSpec
from soh.specs.fleets import PowerFactorRule
from soh.specs.models import ModelSpec, State
from soh_spark.windows import Flags, Floats, Integers

NO_MODEL = "none"
"""What stands for the model's version where there is neither a champion nor a rule."""

Words: TypeAlias = NDArray[np.object_]

_ONLY_TO_GRADE = ("features", "readings", "late", "idle")
"""Columns of a window that no grade carries."""
_TIMES = {"event_micros": "event_time", "source_micros": "source_time"}
"""Columns with the times of a reading, and the fields of its grade that they go into."""
_SECONDS = DecimalType(18, 6)
"""Epoch seconds, exact to the microsecond, which a double would print with an exponent."""

_decoded: dict[str, tuple[str, Classifier]] = {}
"""By model: the SHA-256 of the artefact that this Python worker has decoded last, and the classifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A model's artefact, checked against its SHA-256 and decoded once already."""

    sha256: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of readings when they are graded; a row each."""

    features: Floats
    readings: Integers
    """How many readings their windows hold."""
    late: Flags
    idle: Flags
    power_factor: Floats | None
    """What the fleet's rule asks for; None where there is no rule."""


def grade(seen: Seen, fleet: FleetSpec, classifier: Classifier | None, *, by_rule: bool) -> tuple[Words, Floats]:
    """State and probability of every reading: by `classifier`, without one by the fleet's rule if `by_rule`.

    A facility that stands still is idle with 1.0, by whatever model. Unknown, with 0.0, is what came late, has too few
    readings or nothing measured in its window, or nothing to be graded by.
    """
    states = np.full(len(seen.readings), State.UNKNOWN.value, object)
    probabilities = np.zeros(len(states))
    gradable = ~seen.late & ~seen.idle
    if classifier is not None:
        gradable &= (seen.readings >= fleet.model.features.least_readings) & ~np.isnan(seen.features).all(axis=1)
        if gradable.any():
            of_classes = classifier.probabilities(seen.features[gradable])
            classes = of_classes.argmax(axis=1)
            states[gradable] = np.array([state.value for state in fleet.states], object)[classes]
            probabilities[gradable] = of_classes[np.arange(len(classes)), classes]
    elif by_rule and fleet.rule is not None and seen.power_factor is not None:
        gradable &= ~np.isnan(seen.power_factor)
        states[gradable] = by_power_factor(seen.power_factor[gradable], fleet.rule)
        probabilities[gradable] = 1.0
    states[seen.idle] = State.IDLE.value
    probabilities[seen.idle] = 1.0
    return states, probabilities


def by_power_factor(power_factor: Floats, rule: PowerFactorRule) -> Words:
    """States by KEPCO's criteria."""
    words = np.full(len(power_factor), State.NORMAL.value, object)
    words[power_factor < rule.caution_below] = State.CAUTION.value
    words[power_factor <= rule.warning_up_to] = State.WARNING.value
    return words


def scores(windows: DataFrame, fleet: FleetSpec, version: str, artefact: Broadcast[Artefact] | None) -> DataFrame:
    """Grades as records of the fleet's topic of scores: `key` and `value`, both text.

    `windows` is what `soh_spark.stateful.with_windows` makes; `version` stands on every record, and `artefact` is
    that version's, None for the rule or nothing.
    """
    known = [field for field in windows.schema if field.name not in {*_ONLY_TO_GRADE, *_TIMES}]
    times = [StructField(name, _SECONDS) for name in _TIMES.values()]
    schema = StructType([*known, *times, StructField("pred", StringType()), StructField("probability", DoubleType())])
    by_rule = version == PowerFactorRule.NAME
    graded = windows.mapInArrow(_grading(fleet, artefact, by_rule=by_rule), schema)
    fields = [
        (F.lit(version) if field.name == "model_version" else F.col(field.name)).alias(field.wire_name)
        for field in fleet.scores.schema.fields
    ]
    return graded.select(
        F.col("facility_id").cast("string").alias("key"),
        F.to_json(F.struct(*fields), {"ignoreNullFields": "false"}).alias("value"),
    )


def _grading(
    fleet: FleetSpec, artefact: Broadcast[Artefact] | None, *, by_rule: bool
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What a Python worker does with the readings of a batch."""
    width = len(fleet.model.features.names)
    rule_on = fleet.rule.power_factor if fleet.rule else None

    def graded(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        classifier = None if artefact is None else _classifier(artefact.value, fleet.model)
        for batch in batches:
            content = b"".join(batch.column("features").to_pylist())
            seen = Seen(
                features=np.frombuffer(content, np.float64).reshape(-1, width),
                readings=batch.column("readings").to_numpy(),
                late=batch.column("late").to_numpy(zero_copy_only=False),
                idle=batch.column("idle").to_numpy(zero_copy_only=False),
                power_factor=batch.column(rule_on).to_numpy(zero_copy_only=False) if rule_on else None,
            )
            states, probabilities = grade(seen, fleet, classifier, by_rule=by_rule)
            rest = batch.drop_columns([*_ONLY_TO_GRADE, *_TIMES])
            for micros, name in _TIMES.items():
                rest = rest.append_column(name, _seconds(batch.column(micros)))
            yield rest.append_column("pred", pa.array(states, pa.string())).append_column(
                "probability", pa.array(probabilities, pa.float64())
            )

    return graded


def _seconds(micros: pa.Array) -> pa.Array:
    """Microseconds, none of them missing, as exact seconds: what Arrow keeps of a decimal is an integer."""
    integers = micros.to_numpy()
    halves = np.column_stack((integers, integers >> 63))
    buffer = pa.py_buffer(np.ascontiguousarray(halves))
    return pa.Array.from_buffers(pa.decimal128(_SECONDS.precision, _SECONDS.scale), len(integers), [None, buffer])


def _classifier(artefact: Artefact, model: ModelSpec) -> Classifier:
    """The classifier of `artefact`, decoded once per Python worker and version."""
    digest, classifier = _decoded.get(model.name, (None, None))
    if classifier is None or digest != artefact.sha256:
        classifier = decode(artefact.content, model)
        _decoded[model.name] = (artefact.sha256, classifier)
    return classifier
