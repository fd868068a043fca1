"""Medians, ratios, and what makes a round wrong."""

import pytest
from bench.parts.rounds import Round, figures, ratio_of, round_faults

EXPECTED = {"records": 10, "offsets": 45, "power_factors": 8.25}


def turns(*seconds: float) -> list[Round]:
    return [Round(seconds=one, start_seconds=1.0, cpu_seconds=2 * one, found={}) for one in seconds]


def test_a_side_s_figures_are_the_medians_of_its_rounds():
    found = figures({"noop": turns(1.0, 9.0, 2.0)}, 100)
    assert found == {"noop_per_s": 50, "noop_seconds": 2, "noop_start_seconds": 1, "noop_cpu_seconds": 4}


def test_the_ratios_are_to_bare_spark():
    found = figures({"noop": turns(1.0), "to_lake": turns(2.0), "scoring": turns(4.0), "python": turns(8.0)}, 100)
    assert (found["to_lake_ratio"], found["scoring_ratio"]) == (0.5, 0.25)
    assert "python_ratio" not in found


def test_without_bare_spark_there_is_no_ratio():
    assert ratio_of(figures({"to_lake": turns(2.0)}, 100), "to_lake", "noop") is None
    assert "to_lake_ratio" not in figures({"to_lake": turns(2.0)}, 100)


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        pytest.param(EXPECTED, None, id="all-there"),
        pytest.param({"records": 10, "offsets": 45}, None, id="side-that-knows-less"),
        pytest.param(EXPECTED | {"power_factors": 8.25 * (1 + 1e-12)}, None, id="added-in-another-order"),
        pytest.param(EXPECTED | {"records": 9}, "to_lake, round 3: records is 9, not 10", id="one-lost"),
        pytest.param(EXPECTED | {"offsets": 46}, "to_lake, round 3: offsets is 46, not 45", id="another-record"),
        pytest.param({"offsets": 45}, "to_lake, round 3: records is None, not 10", id="not-counted"),
        pytest.param(EXPECTED | {"late": 1}, "to_lake, round 3: late is 1, not None", id="nobody-expects-it"),
    ],
)
def test_round_faults(found, complaint):
    assert round_faults("to_lake", 3, found, EXPECTED) == ([complaint] if complaint else [])
