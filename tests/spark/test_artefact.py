"""Models that come back from bytes as they went."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest

from soh.classifier.artefact import decode, encode
from soh.errors import ModelRefused
from soh.specs.models import SOH_HEAT
from soh_spark.learning import Windows, learn

FEATURES = np.random.default_rng(1).normal(size=(300, len(SOH_HEAT.features.names)))


@cache
def booster():
    states = (FEATURES[:, 0] > -0.4).astype(np.int64) + (FEATURES[:, 1] > 0.4)
    return learn(Windows(features=FEATURES, states=states, held_out=np.zeros(300, np.bool_), of=300), SOH_HEAT)


def artefact(**differing):
    document = json.loads(encode(SOH_HEAT, booster(), datetime(2026, 5, 1, tzinfo=UTC)))
    return json.dumps(document | differing).encode()


def test_a_decoded_model_gives_the_probabilities_of_the_trained_one_to_the_last_bit():
    classifier = decode(artefact(), SOH_HEAT)
    found = classifier.probabilities(FEATURES)
    assert found.shape == (300, len(SOH_HEAT.states))
    np.testing.assert_array_equal(found, booster().predict(FEATURES))
    assert classifier.states == SOH_HEAT.states


def test_no_row_gets_no_probabilities():
    assert decode(artefact(), SOH_HEAT).probabilities(FEATURES[:0]).shape == (0, len(SOH_HEAT.states))


def test_missing_measurements_are_graded_too():
    found = decode(artefact(), SOH_HEAT).probabilities(np.full((1, FEATURES.shape[1]), np.nan))
    assert found.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(None, "has no LightGBM model", id="none"),
        pytest.param("tree\n", "does not read", id="no-model"),
        pytest.param("", "does not read|has no", id="empty"),
        pytest.param("two-states", "tells 1 states by 28 features", id="another-number-of-states"),
    ],
)
def test_a_document_around_something_else_is_refused(text, says):
    if text == "two-states":
        import lightgbm

        data = lightgbm.Dataset(FEATURES, FEATURES[:, 0] > 0)
        text = lightgbm.train({"objective": "binary", "verbosity": -1}, data, 2).model_to_string()
    with pytest.raises(ModelRefused, match=says):
        decode(artefact(booster=text), SOH_HEAT)
