"""Declarations of models that contradict themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from soh.errors import BadDeclaration
from soh.specs.models import MODELS, SOH_HEAT, FeatureSpec, GateSpec, HoldOut, HoldOutBy, LearningSpec, State

REFUSED = {
    "no-channel": (lambda: FeatureSpec(channels=()), "at least one channel"),
    "no-statistic": (lambda: FeatureSpec(channels=("a",), statistics=()), "one statistic"),
    "no-window": (lambda: FeatureSpec(channels=("a",), window=timedelta(0)), "window must be above 0"),
    "window-without-readings": (lambda: FeatureSpec(channels=("a",), least_readings=0), "least_readings"),
    "everything-held-out": (lambda: HoldOut(by=HoldOutBy.FACILITY, every=1, remainder=0), "every must be at least 2"),
    "nothing-held-out": (lambda: HoldOut(by=HoldOutBy.FACILITY, every=4, remainder=4), "remainder below it"),
    "states-above-the-whole": (lambda: GateSpec(macro_f1=0.5, class_f1=0.6), "class_f1 <= macro_f1"),
    "percent": (lambda: GateSpec(macro_f1=95, class_f1=0.6), "<= 1"),
    "no-rounds": (lambda: LearningSpec(rounds=0), "rounds"),
    "one-leaf": (lambda: LearningSpec(leaves=1), "leaves at least 2"),
    "no-reach": (lambda: LearningSpec(reach=timedelta(0)), "reach"),
    "bad-name": (lambda: replace(SOH_HEAT, name="SOH"), "model 'SOH'"),
    "one-state": (lambda: replace(SOH_HEAT, states=(State.NORMAL,)), "at least two states"),
    "idle-as-a-state": (lambda: replace(SOH_HEAT, states=(State.NORMAL, State.IDLE)), "idle and unknown"),
}


@pytest.mark.parametrize(("declare", "complaint"), REFUSED.values(), ids=REFUSED.keys())
def test_a_model_that_contradicts_itself_is_refused(declare, complaint):
    with pytest.raises(BadDeclaration, match=complaint):
        declare()


def test_the_names_of_the_features_are_channel_by_channel():
    spec = FeatureSpec(channels=("a", "b"))
    assert spec.names == ("a_mean", "a_std", "a_min", "a_max", "b_mean", "b_std", "b_min", "b_max")


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_no_feature_is_named_twice(model):
    assert len(set(model.features.names)) == len(model.features.names)
