from __future__ import annotations

import pytest

from soh.errors import BadDeclaration
from soh.specs import STREAMS, tables, topics
from soh.specs.fleets import FLEETS, FleetSpec, State

REFUSED = {
    "bad-name": ({"name": "Heat"}, "fleet 'Heat'"),
    "table-of-another-fleet": ({"table": tables.HYDRAULIC_RAW}, "hydraulic_raw does not hold what heat carries"),
    "no-facility": ({"facilities": 0}, "at least one facility"),
    "facilities-below-zero": ({"first_facility": -1}, "numbered from 0 up"),
}


@pytest.mark.parametrize(("differing", "complaint"), REFUSED.values(), ids=REFUSED.keys())
def test_a_fleet_that_contradicts_itself_is_refused(differing, complaint):
    good = {
        "name": "heat",
        "description": "Power facilities.",
        "readings": topics.HEAT,
        "inspections": topics.HEAT_INSPECTIONS,
        "table": tables.HEAT_RAW,
        "states": (State.NORMAL, State.WARNING),
        "facilities": 74,
        "first_facility": 100,
    }
    with pytest.raises(BadDeclaration, match=complaint):
        FleetSpec(**(good | differing))


def test_states_are_ordered_from_best_to_worst():
    assert list(State) == ["normal", "caution", "warning", "danger"]


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
