"""What the sides without Spark do with a reading is what the platform's scoring stream does by its rule."""

import numpy as np
import pytest
from bench.parts.plain import by_rule, power_factor, score

from soh.classifier.features import power_factors
from soh.fleet.heat import HeatFleet
from soh.specs.fleets import HEAT
from soh.specs.models import State


@pytest.mark.parametrize(
    ("active", "reactive", "expected"),
    [
        pytest.param(30.0, 40.0, 0.6, id="3-4-5"),
        pytest.param(0.0, 0.0, 0.0, id="stopped"),
        pytest.param(0.0, 5.0, 0.0, id="idle-with-reactive-power"),
        pytest.param(-30.0, 40.0, -0.6, id="feeds-back"),
        pytest.param(None, 40.0, None, id="no-active-power"),
        pytest.param(30.0, None, None, id="no-reactive-power"),
    ],
)
def test_power_factor(active, reactive, expected):
    assert power_factor(active, reactive) == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("factor", "active", "state"),
    [
        pytest.param(0.95, 30.0, State.NORMAL, id="normal"),
        pytest.param(0.80, 30.0, State.NORMAL, id="just-normal"),
        pytest.param(0.79, 30.0, State.CAUTION, id="caution"),
        pytest.param(0.60, 30.0, State.WARNING, id="just-warning"),
        pytest.param(0.0, 0.0, State.IDLE, id="stands-still"),
        pytest.param(None, 30.0, State.UNKNOWN, id="nothing-known"),
    ],
)
def test_the_rule(factor, active, state):
    assert by_rule(factor, active) is state


def test_a_score_has_every_field_of_the_topic_and_the_library_s_power_factors():
    which = np.arange(20)
    columns, _ = HeatFleet(range(100, 120)).step(which, np.full(20, 1.77e9))
    expected = power_factors(columns, HEAT)
    names = {field.name: field.wire_name for field in HEAT.readings.schema.fields}
    scores = {field.name: field.wire_name for field in HEAT.scores.schema.fields}
    for index in which:
        reading = {names[name]: float(values[index]) for name, values in columns.items()}
        reading |= {names["facility_id"]: 100 + int(index), names["seq"]: 7, names["event_time"]: 1.77e9}
        found = score(reading, 2, 11, 1.77e9)
        assert set(found) == set(scores.values())
        for name, values in expected.items():
            assert found[scores[name]] == pytest.approx(values[index], rel=1e-12)
