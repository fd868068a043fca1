import numpy as np
import pytest
from tests.spark.models import artefact

from soh.classifier.artefact import decode
from soh.specs.fleets import HEAT, HYDRAULIC, PowerFactorRule
from soh_spark import grading
from soh_spark.grading import Artefact, Seen, by_power_factor, grade

NAN = float("nan")


def seen(count=1, fleet=HEAT, **changes):
    """Readings with full windows that a model would grade."""
    known = {
        "features": np.ones((count, len(fleet.model.features.names))),
        "readings": np.full(count, 12),
        "late": np.zeros(count, bool),
        "idle": np.zeros(count, bool),
        "power_factor": np.full(count, 0.95) if fleet.rule else None,
    }
    return Seen(**{**known, **changes})


@pytest.fixture(scope="module")
def classifier():
    return decode(artefact(HEAT, 2), HEAT.model)


@pytest.mark.parametrize(
    ("power_factor", "expected"),
    [
        pytest.param(1.0, "normal", id="best"),
        pytest.param(0.80, "normal", id="just-normal"),
        pytest.param(0.7999, "caution", id="just-caution"),
        pytest.param(0.6001, "caution", id="hardly-caution"),
        pytest.param(0.60, "warning", id="just-warning"),
        pytest.param(0.0, "warning", id="none"),
        pytest.param(-0.9, "warning", id="fed-back"),
    ],
)
def test_the_rule(power_factor, expected):
    assert by_power_factor(np.array([power_factor]), PowerFactorRule(power_factor="pf")).tolist() == [expected]


CASES = {
    "graded": ({}, None, "normal"),
    "late": ({"late": np.array([True])}, "unknown", "unknown"),
    "idle": ({"idle": np.array([True])}, "idle", "idle"),
    "idle-and-late": ({"idle": np.array([True]), "late": np.array([True])}, "idle", "idle"),
    "nothing-measured": (
        {"features": np.full((1, len(HEAT.model.features.names)), NAN), "power_factor": np.array([NAN])},
        "unknown",
        "unknown",
    ),
    "no-power-factor": ({"power_factor": np.array([NAN])}, None, "unknown"),
}


@pytest.mark.parametrize(("changes", "by_model", "by_rule"), CASES.values(), ids=CASES)
def test_grade(changes, by_model, by_rule, classifier):
    probability = {"unknown": 0.0, "idle": 1.0}
    of_model = classifier.probabilities(seen().features)[0]
    expected = (by_model or HEAT.states[of_model.argmax()].value, probability.get(by_model, of_model.max()))
    states, probabilities = grade(seen(**changes), HEAT, classifier, by_rule=False)
    assert (states[0], probabilities[0]) == expected
    states, probabilities = grade(seen(**changes), HEAT, None, by_rule=True)
    assert (states[0], probabilities[0]) == (by_rule, probability.get(by_rule, 1.0))
    states, probabilities = grade(seen(**changes), HEAT, None, by_rule=False)
    nothing = "idle" if "idle" in changes else "unknown"
    assert (states[0], probabilities[0]) == (nothing, probability[nothing])


@pytest.mark.parametrize(("readings", "known"), [(11, False), (12, True)])
def test_a_window_with_too_few_readings_is_not_graded_by_a_model(readings, known):
    model = decode(artefact(HYDRAULIC, 1), HYDRAULIC.model)
    states, _ = grade(seen(fleet=HYDRAULIC, readings=np.array([readings])), HYDRAULIC, model, by_rule=False)
    assert (states[0] != "unknown") is known


def test_each_row_has_its_own_grade(classifier):
    mixed = seen(4, late=np.array([0, 1, 0, 0], bool), idle=np.array([0, 0, 1, 0], bool))
    states, probabilities = grade(mixed, HEAT, classifier, by_rule=False)
    assert states[1:3].tolist() == ["unknown", "idle"]
    assert (states[0], probabilities[0]) == (states[3], probabilities[3])


def test_no_rows_are_graded_too(classifier):
    states, probabilities = grade(seen(0), HEAT, classifier, by_rule=False)
    assert (len(states), len(probabilities)) == (0, 0)


def test_an_artefact_is_decoded_once_until_another_comes(monkeypatch):
    decoded = []
    monkeypatch.setattr(grading, "_decoded", {})
    monkeypatch.setattr(grading, "decode", lambda content, model: decoded.append(content) or decode(content, model))
    first, second = (Artefact(sha256=str(n), content=artefact(HEAT, n)) for n in range(2))
    for one in (first, first, second, second, first):
        grading._classifier(one, HEAT.model)
    assert decoded == [first.content, second.content, first.content]
