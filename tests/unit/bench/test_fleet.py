"""The bench of sensors: what it is asked, and what it says."""

import math
from dataclasses import replace

import pytest
from bench import fleet
from bench.parts.keeping_up import Slope, Step

from soh.errors import BadInput

STEP = Step(
    sensors=74,
    input_per_s=14.8,
    wanted_per_s=14.8,
    p50_ms=900.0,
    p99_ms=2100.0,
    looked_for=600,
    missing=0,
    slopes={"heat_scoring": Slope(0.0, 0.0)},
)
SLOW = replace(STEP, sensors=1000, p99_ms=8000.0)


def test_steps_are_numbers_in_ascending_order():
    assert fleet.parse("74, 1000,2500") == [74, 1000, 2500]
    assert fleet.parse(fleet.STEPS)[-1] == 20000


@pytest.mark.parametrize("steps", ["", "many", "10,5", "10,10", "0", "-3", "1000000"])
def test_other_steps_are_refused_with_what_is_allowed(steps):
    with pytest.raises(BadInput, match=r"--steps is .*must be"):
        fleet.parse(steps)


def test_every_step_has_its_figures_and_the_last_one_held_is_the_answer():
    found = fleet.outcome([STEP, SLOW], [], 5.0)
    assert found.correct
    assert found.figures["max_sensors"] == 74
    assert found.figures["p99_ms_at_74"] == 2100
    assert found.figures["p99_ms_at_1000"] == 8000
    assert any("1000 sensors: not held" in note and "p99 from the sensor" in note for note in found.notes)


def test_a_step_with_a_wrong_reading_has_no_figure_and_there_is_no_answer():
    found = fleet.outcome([STEP, SLOW], ["1000 sensors: 1 of 600 readings are there more than once"], 5.0)
    assert not found.correct
    assert "max_sensors" not in found.figures
    assert not [name for name in found.figures if name.endswith("_1000")]


def test_a_step_in_which_nothing_came_has_no_latency():
    found = fleet.outcome([replace(STEP, p50_ms=math.inf, p99_ms=math.inf, missing=600)], [], 5.0)
    assert found.figures["max_sensors"] == 0
    assert "p99_ms_at_74" not in found.figures
