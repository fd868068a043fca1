from __future__ import annotations

from dataclasses import replace

import pytest

from soh.errors import BadDeclaration
from soh.specs import STREAMS, models, tables
from soh.specs.fleets import FLEETS, HEAT, PowerFactor, PowerFactorRule
from soh.specs.models import State
from soh.specs.streams import ScoringStreamSpec

PF = PowerFactor(name="pf", active="active_power", reactive="nothing")
REFUSED = {
    "bad-name": ({"name": "Heat"}, "fleet 'Heat'"),
    "table-of-another-fleet": ({"table": tables.HYDRAULIC_RAW}, "hydraulic_raw does not hold what heat carries"),
    "model-of-another-fleet": ({"model": models.SOH_HYDRAULIC}, "nor what is derived of them has .*'ce', 'cp'"),
    "temperature-that-nothing-measures": ({"temperature": "ts9"}, r"has \['ts9'\]"),
    "power-factor-of-a-field-that-is-not-there": ({"power_factors": (*HEAT.power_factors, PF)}, r"has \['nothing'\]"),
    "idle-by-a-field-that-is-not-there": ({"idle_at_zero": "speed"}, r"has \['speed'\]"),
    "rule-without-its-power-factor": ({"rule": PowerFactorRule(power_factor="cosphi")}, r"has \['cosphi'\]"),
    "no-facility": ({"facilities": 0}, "at least one facility"),
    "facilities-below-zero": ({"first_facility": -1}, "numbered from 0 up"),
}


@pytest.mark.parametrize(("differing", "complaint"), REFUSED.values(), ids=REFUSED.keys())
def test_a_fleet_that_contradicts_itself_is_refused(differing, complaint):
    with pytest.raises(BadDeclaration, match=complaint):
        replace(HEAT, **differing)


@pytest.mark.parametrize(("warning", "caution"), [(0.8, 0.6), (0.0, 0.8), (0.6, 1.1), (0.7, 0.7)])
def test_a_rule_whose_limits_are_out_of_order_is_refused(warning, caution):
    with pytest.raises(BadDeclaration, match="power factor rule"):
        PowerFactorRule(power_factor="pf", caution_below=caution, warning_up_to=warning)


def test_states_are_ordered_from_best_to_worst_and_end_with_the_two_that_are_no_grade():
    assert list(State) == ["normal", "caution", "warning", "danger", "idle", "unknown"]


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS.keys())
def test_a_fleet_s_states_are_in_order(fleet):
    order = list(State)
    assert [order.index(state) for state in fleet.states] == sorted({order.index(state) for state in fleet.states})


def test_no_two_fleets_share_a_facility():
    ranges = [range(fleet.first_facility, fleet.first_facility + fleet.facilities) for fleet in FLEETS.values()]
    ids = [facility for facilities in ranges for facility in facilities]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS.keys())
def test_readings_and_inspections_of_every_fleet_are_archived_and_bad_ones_set_aside(fleet):
    written = {(stream.reads.name, stream.writes.name) for stream in STREAMS.values()}
    assert (fleet.readings.name, fleet.table.name) in written
    assert (fleet.readings.name, f"{fleet.readings.name}_dead") in written
    assert any(reads == fleet.inspections.name for reads, _ in written)


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS.keys())
def test_readings_of_every_fleet_are_graded(fleet):
    graded = {stream.fleet.name for stream in STREAMS.values() if isinstance(stream, ScoringStreamSpec)}
    assert fleet.name in graded
