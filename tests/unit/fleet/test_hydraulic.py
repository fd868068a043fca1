import numpy as np
import pytest
from tests.fakes.readings import one_by_one

from soh.fleet.hydraulic import HydraulicReplay
from soh.fleet.recording import CHANNELS, Recording, load
from soh.specs.fleets import HYDRAULIC

FIRST = HYDRAULIC.first_facility
T0 = 1_800_000_000.0


@pytest.fixture
def recording(rig) -> Recording:
    return load(rig)


def long_recording(cycles: int) -> Recording:
    grades = np.zeros((cycles, 7), dtype=np.int64)
    grades[:, 0], grades[:, 1] = np.arange(cycles), 100
    return Recording(values=np.zeros((cycles, 12, len(CHANNELS))), grades=grades)


def play(replay: HydraulicReplay, seqs: range, start: float = T0) -> tuple[list[dict], list[dict]]:
    """Readings and inspections of the facility at index 0, one reading per 5 s."""
    readings, inspections = [], []
    for seq in seqs:
        at = start + 5 * (seq - seqs.start)
        columns = replay.readings(np.array([0]), np.array([seq]), np.array([at]))
        readings += one_by_one(columns | {"seq": [seq]})
        inspections += replay.inspections(at)
    return readings, inspections


def test_a_facility_plays_every_cycle_of_the_recording_in_order_and_wraps_around(recording):
    replay = HydraulicReplay([FIRST], recording)
    readings, _ = play(replay, range(5 * 12))
    first = int(replay.offsets[0])
    order = [(first + cycle) % 4 for cycle in range(5)]
    assert [one["cycle"] for one in readings[::12]] == [[0, 1, 4, 9][cycle] for cycle in order]
    played = np.array([[one[channel.name] for channel in CHANNELS] for one in readings]).reshape(5, 12, 8)
    assert played == pytest.approx(recording.values[order], abs=1e-4)


@pytest.mark.parametrize("facilities", [8, 74])
def test_each_facility_starts_at_its_own_place_whatever_the_size_of_the_fleet(facilities):
    recording = long_recording(1975)
    offsets = HydraulicReplay(range(FIRST, FIRST + facilities), recording).offsets
    assert len(set(offsets.tolist())) == facilities
    assert np.diff(np.sort(offsets)).max() < 3 * 1975 / facilities
    assert (offsets[:4] == HydraulicReplay(range(FIRST, FIRST + 4), recording).offsets).all()


def test_the_grades_of_a_cycle_are_published_after_its_end_and_cover_its_12_readings(recording):
    readings, inspections = play(HydraulicReplay([FIRST], recording), range(3 * 12 + 1))
    assert len(inspections) == 3
    for number, one in enumerate(inspections):
        covered = [read for read in readings if one["from_time"] <= read["event_time"] < one["to_time"]]
        assert [read["seq"] for read in covered] == list(range(12 * number, 12 * number + 12))
        assert {read["cycle"] for read in covered} == {one["cycle"]}
        assert one["event_time"] >= one["to_time"]


def test_an_inspection_carries_the_experimenters_grades_and_the_folded_state(recording):
    replay = HydraulicReplay([FIRST], recording)
    _, inspections = play(replay, range(4 * 12 + 1))
    by_cycle = {one["cycle"]: one for one in inspections}
    assert {cycle: one["state"] for cycle, one in by_cycle.items()} == {
        0: "danger",
        1: "warning",
        4: "warning",
        9: "normal",
    }
    assert (by_cycle[4]["condition"], by_cycle[4]["cooler_pct"], by_cycle[4]["pump_leak"]) == (7, 100, 2)


def test_a_facility_read_many_times_at_once_plays_as_one_read_again_and_again(recording):
    singly, inspections = play(HydraulicReplay([FIRST], recording), range(40))
    replay = HydraulicReplay([FIRST], recording)
    at_once = replay.readings(np.zeros(40, dtype=np.int64), np.arange(40), T0 + 5.0 * np.arange(40))
    assert one_by_one(at_once) == [{name: value for name, value in one.items() if name != "seq"} for one in singly]
    published = [{**one, "event_time": 0} for one in replay.inspections(T0 + 195)]
    assert published == [{**one, "event_time": 0} for one in inspections]


@pytest.mark.parametrize("facilities", [1, 2, 8, 20])
def test_the_fleet_s_past_is_as_long_as_it_takes_to_play_every_cycle_once(facilities):
    replay = HydraulicReplay(range(FIRST, FIRST + facilities), long_recording(1975))
    cycles = round(replay.past.total_seconds() / 60)
    played = {(int(first) + cycle) % 1975 for first in replay.offsets for cycle in range(cycles)}
    assert len(played) == 1975
    shorter = {(int(first) + cycle) % 1975 for first in replay.offsets for cycle in range(cycles - 1)}
    assert len(shorter) < 1975


def test_a_restarted_replay_goes_on_in_the_middle_of_the_cycle(recording):
    readings, _ = play(HydraulicReplay([FIRST], recording), range(18))
    whole, _ = play(HydraulicReplay([FIRST], recording), range(30))
    after = HydraulicReplay([FIRST], recording)
    after.resume(now=T0 + 500, readings={FIRST: readings[-1]}, inspections={}, same_settings=True)
    rest, inspections = play(after, range(18, 30), T0 + 500)
    untimed = [{**one, "event_time": 0} for one in whole[18:]]
    assert [{**one, "event_time": 0} for one in rest] == untimed
    assert [(one["from_time"], one["to_time"]) for one in inspections] == [(T0 + 60, T0 + 530)]


@pytest.mark.parametrize(
    ("seqs", "published", "same_settings", "owed"),
    [
        pytest.param(12, None, True, 1, id="cycle-done-nothing-published"),
        pytest.param(12, T0, True, 1, id="cycle-done-only-the-one-before-published"),
        pytest.param(12, T0 + 60, True, 0, id="published-before-the-kill"),
        pytest.param(11, None, True, 0, id="cycle-not-done"),
        pytest.param(12, None, False, 0, id="another-recording"),
    ],
)
def test_grades_of_a_finished_cycle_that_were_never_published_are_owed(recording, seqs, published, same_settings, owed):
    readings, _ = play(HydraulicReplay([FIRST], recording), range(seqs))
    after = HydraulicReplay([FIRST], recording)
    known = {} if published is None else {FIRST: {"to_time": published}}
    after.resume(now=T0 + 100, readings={FIRST: readings[-1]}, inspections=known, same_settings=same_settings)
    assert len(after.inspections(T0 + 100)) == owed


def test_a_scaled_period_scales_the_cycle(recording):
    replay = HydraulicReplay([FIRST], recording, period=0.5)
    inspections = []
    for seq in range(13):
        replay.readings(np.array([0]), np.array([seq]), np.array([T0 + 0.5 * seq]))
        inspections += replay.inspections(T0 + 0.5 * seq)
    assert [(one["from_time"], one["to_time"]) for one in inspections] == [(T0, T0 + 6)]
