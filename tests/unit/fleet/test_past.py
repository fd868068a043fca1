import numpy as np
import pytest

from soh.fleet.past import Past
from soh.fleet.schedule import Schedule

NOW = 1_800_000_000.0
NEVER = np.nan


def taken(past: Past, now: float) -> list[tuple[int, int]]:
    """(facility, slot) of everything that is sent until the past is over."""
    reads: list[tuple[int, int]] = []
    while not past.is_over(now):
        which, slots = past.take(now)
        reads += zip(which.tolist(), slots.tolist(), strict=True)
    return reads


@pytest.mark.parametrize("facilities", [1, 2, 8, 74, 1000])
def test_from_the_beginning_every_facility_is_read_once_a_period_in_the_order_of_time(facilities):
    schedule = Schedule(facilities=facilities, period=5.0)
    past = Past(schedule, begin=NOW - 600, last_read=np.full(facilities, NEVER))
    reads = taken(past, NOW)
    slots = np.array([slot for _, slot in reads])
    assert (np.diff(slots) >= 0).all()
    assert schedule.begins(int(slots[0])) == pytest.approx(NOW - 600, abs=5.0 / schedule.slots + 1e-3)
    for facility in {0, facilities // 2, facilities - 1}:
        own = [slot for one, slot in reads if one == facility]
        assert set(np.diff(own)) == {schedule.slots}
        assert len(own) in (119, 120)


@pytest.mark.parametrize("facilities", [1, 2, 8, 74, 1000])
def test_the_present_takes_over_without_a_gap_and_without_reading_twice(facilities):
    schedule = Schedule(facilities=facilities, period=5.0)
    past = Past(schedule, begin=NOW - 60, last_read=np.full(facilities, NEVER))
    taken(past, NOW)
    due = schedule.due(past.next - 1, NOW + 1.0)
    assert due.start == past.next
    assert due.stop == schedule.latest(NOW + 1.0) + 1


@pytest.mark.parametrize("killed_after", [1, 73, 74, 75, 1000])
def test_after_a_kill_the_rest_follows_what_was_read_even_when_a_slot_was_cut(killed_after):
    schedule = Schedule(facilities=150, period=5.0)
    whole = taken(Past(schedule, begin=NOW - 60, last_read=np.full(150, NEVER)), NOW)
    last = np.full(150, NEVER)
    for facility, slot in whole[:killed_after]:
        last[facility] = round(schedule.begins(slot), 3)
    assert whole[:killed_after] + taken(Past(schedule, begin=NOW - 60, last_read=last), NOW) == whole


def test_a_step_is_bounded_in_time_and_in_readings():
    few = Past(Schedule(facilities=1, period=5.0), begin=NOW - 3600, last_read=np.full(1, NEVER))
    many = Past(Schedule(facilities=10_000, period=5.0), begin=NOW - 3600, last_read=np.full(10_000, NEVER))
    assert [len(past.take(NOW)[0]) for past in (few, many)] == [12, 2000]


def test_progress_says_how_much_is_done():
    past = Past(Schedule(facilities=74, period=5.0), begin=NOW - 7200, last_read=np.full(74, NEVER))
    while past.at < NOW - 3600:
        past.take(NOW)
    assert past.progress(NOW).startswith("50 % of 2.0 h sent, about ")
