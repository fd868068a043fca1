"""What a model is taught on, and how it is tested."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from tests.spark import rig

from soh.classifier.artefact import Classifier, decode, encode
from soh.specs.fleets import HYDRAULIC
from soh.specs.models import SOH_HEAT, SOH_HYDRAULIC
from soh_spark.labels import windows as windows_of
from soh_spark.learning import Windows, evaluate, fetch, lacking, learn

STATES = len(SOH_HEAT.states)


def some(states, held_out):
    states, held_out = np.array(states, np.int64), np.array(held_out, np.bool_)
    features = np.random.default_rng(3).normal(size=(len(states), len(SOH_HEAT.features.names)))
    return Windows(features=features + states[:, np.newaxis], states=states, held_out=held_out, of=len(states))


def in_spark(spark, rows):
    columns = {name: np.arange(rows, dtype=np.float64) for name in SOH_HEAT.features.names}
    offsets = np.arange(rows)
    frame = pd.DataFrame({"kafka_partition": 0, "kafka_offset": offsets, "state": offsets % 3, **columns})
    return spark.createDataFrame(frame.assign(held_out=offsets % 4 == 3))


def test_few_windows_are_fetched_all(spark):
    found = fetch(in_spark(spark, 40), SOH_HEAT)
    assert (len(found), found.of) == (40, 40)
    order = np.argsort(found.features[:, 0])
    assert found.states[order].tolist() == [n % 3 for n in range(40)]
    assert found.held_out[order].tolist() == [n % 4 == 3 for n in range(40)]


def test_many_are_thinned_to_the_same_ones_however_they_lie(spark):
    spec = replace(SOH_HEAT, learning=replace(SOH_HEAT.learning, most_windows=100))
    found = fetch(in_spark(spark, 400), spec)
    again = fetch(in_spark(spark, 400).orderBy("kafka_offset", ascending=False).repartition(3), spec)
    assert (len(found), found.of, again.of) == (100, 400, 400)
    np.testing.assert_array_equal(found.features, again.features)
    quarters = np.bincount((found.features[:, 0] // 100).astype(int))
    assert quarters.min() > 10, "evenly over the offsets, not the first ones"


@pytest.mark.parametrize(
    ("states", "held_out", "says"),
    [
        pytest.param([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1], None, id="all-there"),
        pytest.param([0, 1, 1, 0, 1, 2], [0, 0, 0, 1, 1, 1], "training has no window of warning", id="not-in-training"),
        pytest.param(
            [0, 1, 2, 0, 1, 0], [0, 0, 0, 1, 1, 1], "the hold-out has no window of warning", id="not-held-out"
        ),
        pytest.param([], [], "training has no window of normal, caution, warning", id="nothing-at-all"),
    ],
)
def test_a_training_needs_every_state_on_both_sides(states, held_out, says):
    found = lacking(some(states, held_out), SOH_HEAT)
    assert found is None if says is None else says in found


def test_the_same_windows_give_the_same_model():
    windows = some([n % STATES for n in range(200)], [0] * 200)
    assert learn(windows, SOH_HEAT).model_to_string() == learn(windows, SOH_HEAT).model_to_string()


class Says:
    """A booster that says of each row what it was made to say."""

    def __init__(self, states):
        self.states = np.array(states)

    def predict(self, features, num_threads):
        return np.eye(STATES)[np.resize(self.states, len(features))]


def test_a_model_that_always_says_the_same_is_seen_through():
    classifier = Classifier(states=SOH_HEAT.states, booster=Says([0]))
    found = evaluate(classifier, some([0, 0, 1, 2], [1] * 4), 77)
    assert found.class_f1 == {"normal": pytest.approx(2 / 3), "caution": 0, "warning": 0}
    assert found.macro_f1 == pytest.approx(2 / 9)
    assert (found.size, found.latency > timedelta(0)) == (77, True)


@pytest.mark.parametrize(
    ("are", "said", "f1"),
    [
        pytest.param([0, 1, 2], [0, 1, 2], [1, 1, 1], id="all-right"),
        # Of four normal ones two were found, and one was said that was not: precision 2/3, recall 1/2.
        pytest.param([0, 0, 0, 0, 1, 2], [0, 0, 1, 2, 0, 2], [4 / 7, 0, 2 / 3], id="some-wrong"),
        pytest.param([0, 0], [0, 0], [1, 0, 0], id="states-that-neither-are-nor-were-said"),
    ],
)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(are, said, f1):
    classifier = Classifier(states=SOH_HEAT.states, booster=Says(said))
    found = evaluate(classifier, some(are, [1] * len(are)), 77)
    assert list(found.class_f1.values()) == pytest.approx(f1)
    assert found.macro_f1 == pytest.approx(sum(f1) / STATES)


def in_micros(frame, **columns):
    times = {new: (frame[old] * 1e6).round().astype("int64") for new, old in columns.items()}
    return frame.assign(bucket=0, **times)


def test_the_real_rig_is_told_at_every_phase_of_its_cycle():
    """The public hold-out: conditions that the model never saw."""
    readings, inspections = rig.played(rig.recording())
    known = in_micros(inspections, known_micros="event_time", from_micros="from_time", to_micros="to_time")
    known = known[["bucket", "facility_id", "known_micros", "from_micros", "to_micros", "condition", "state"]]
    rows = windows_of(in_micros(readings, micros="event_time"), known, HYDRAULIC)
    windows = Windows(
        features=rows[list(SOH_HYDRAULIC.features.names)].to_numpy(),
        states=rows["state"].to_numpy(np.int64),
        held_out=rows["held_out"].to_numpy(),
        of=len(rows),
    )
    phases = np.bincount(rows.loc[rows["held_out"], "kafka_offset"] % 12, minlength=12)
    assert phases.min() > 0.6 * phases.max(), "windows begin anywhere in a cycle"

    artefact = encode(SOH_HYDRAULIC, learn(windows.part(held_out=False), SOH_HYDRAULIC), datetime.now(UTC))
    found = evaluate(decode(artefact, SOH_HYDRAULIC), windows.part(held_out=True), len(artefact))
    assert found.macro_f1 >= 0.98
    assert min(found.class_f1.values()) >= 0.95
