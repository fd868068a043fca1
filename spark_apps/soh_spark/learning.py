"""Teaching a classifier on labelled windows, and finding out how good it is on those that it never saw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from time import thread_time

import lightgbm
import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F  # noqa: N812

from soh.classifier.artefact import Classifier
from soh.classifier.gate import Evaluation
from soh.specs.models import LearningSpec, ModelSpec

_TIMED_ROWS = 1000
_TIMED_TURNS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """Labelled windows on the driver, a row each."""

    features: NDArray[np.float64]
    """(n, names of the FeatureSpec)."""
    states: NDArray[np.int64]
    """(n,), indices into the model's states."""
    held_out: NDArray[np.bool_]
    """(n,), True for those that no model may learn from."""
    of: int
    """How many there were before they were thinned to n."""

    def part(self, *, held_out: bool) -> Windows:
        rows = self.held_out == held_out
        return Windows(features=self.features[rows], states=self.states[rows], held_out=self.held_out[rows], of=self.of)

    def __len__(self) -> int:
        return len(self.states)


def fetch(labelled: DataFrame, spec: ModelSpec) -> Windows:
    """Bring at most `most_windows` of `labelled` (see `soh_spark.labels`) to the driver: the same ones every time.

    Which ones follows from the places of their readings in Kafka, as evenly as a hash.
    """
    counted = Observation()
    place = ("kafka_partition", "kafka_offset")
    chosen = (
        labelled.observe(counted, F.count(F.lit(1)).alias("windows"))
        .orderBy(F.xxhash64(*place), *place)
        .limit(spec.learning.most_windows)
        .toPandas()
    )
    return Windows(
        features=chosen[list(spec.features.names)].to_numpy(np.float64),
        states=chosen["state"].to_numpy(np.int64),
        held_out=chosen["held_out"].to_numpy(np.bool_),
        of=int(counted.get["windows"]),
    )


def lacking(windows: Windows, spec: ModelSpec) -> str | None:
    """What is missing for a training, in a sentence; None when nothing is."""
    missing = []
    for name, held_out in (("training", False), ("the hold-out", True)):
        present = set(windows.part(held_out=held_out).states.tolist())
        if absent := [state.value for number, state in enumerate(spec.states) if number not in present]:
            missing.append(f"{name} has no window of {', '.join(absent)}")
    if not missing:
        return None
    return f"too few labels among {windows.of} labelled windows: {'; '.join(missing)}; wait for more inspections"


def learn(windows: Windows, spec: ModelSpec) -> lightgbm.Booster:
    """Teach a model on all of `windows`; the same ones give the same model."""
    taught = lightgbm.Dataset(windows.features, windows.states, feature_name=list(spec.features.names))
    return lightgbm.train(parameters(spec), taught, num_boost_round=spec.learning.rounds)


def parameters(spec: ModelSpec) -> dict[str, object]:
    """LightGBM's settings. No weights by state: they made the rare states worse on the hold-out, not better."""
    learning: LearningSpec = spec.learning
    return {
        "objective": "multiclass",
        "num_class": len(spec.states),
        "num_leaves": learning.leaves,
        "learning_rate": learning.rate,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "seed": learning.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }


def evaluate(classifier: Classifier, windows: Windows, size: int) -> Evaluation:
    """How well a classifier whose artefact has `size` bytes tells the states of `windows`, and how fast."""
    told = classifier.probabilities(windows.features).argmax(axis=1)
    scores = _f1(windows.states, told, len(classifier.states))
    return Evaluation(
        macro_f1=float(np.mean(scores)),
        class_f1={state: float(score) for state, score in zip(classifier.states, scores, strict=True)},
        size=size,
        latency=_latency(classifier, windows),
    )


def _f1(states: NDArray[np.int64], told: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """F1 of each of `count` states by what rows are and what was told of them; 0 for one that is in neither.

    Precision and recall in their harmonic mean are twice the hits, by the rows of the state and those told to be.
    """
    hits = np.bincount(states[states == told], minlength=count)
    both = np.bincount(states, minlength=count) + np.bincount(told, minlength=count)
    return 2 * hits / np.maximum(both, 1)


def _latency(classifier: Classifier, windows: Windows) -> timedelta:
    """Time of the processor for 1,000 rows, the median of some turns: a busy machine must not fail a model."""
    rows = np.resize(windows.features, (_TIMED_ROWS, windows.features.shape[1]))
    taken = []
    for _ in range(_TIMED_TURNS):
        began = thread_time()
        classifier.probabilities(rows)
        taken.append(thread_time() - began)
    return timedelta(seconds=median(taken))
