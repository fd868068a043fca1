import numpy as np
import pytest

from soh.fleet.schedule import Schedule

NOW = 1_800_000_000.0


def test_every_facility_is_read_once_a_period_at_the_same_phase():
    schedule = Schedule(facilities=74, period=5.0)
    first = schedule.latest(NOW)
    times: dict[int, list[float]] = {}
    for slot in range(first, first + 3 * schedule.slots):
        for index in schedule.members(slot):
            times.setdefault(int(index), []).append(schedule.begins(slot))
    assert set(times) == set(range(74))
    assert all(np.diff(one) == pytest.approx([5.0, 5.0], abs=1e-5) for one in times.values())


@pytest.mark.parametrize(
    ("facilities", "period", "slots"),
    [
        pytest.param(74, 5.0, 74, id="one-slot-each"),
        pytest.param(100_000, 5.0, 100, id="a-large-fleet-shares-slots"),
        pytest.param(1, 5.0, 1, id="one-facility"),
        pytest.param(10, 0.05, 1, id="a-period-of-one-slot"),
    ],
)
def test_readings_are_spread_over_the_period(facilities, period, slots):
    schedule = Schedule(facilities=facilities, period=period)
    sizes = [len(schedule.members(slot)) for slot in range(schedule.slots)]
    assert schedule.slots == slots
    assert sum(sizes) == facilities
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("late", "due"),
    [
        pytest.param(0.0, 0, id="nothing-new"),
        pytest.param(0.5, 1, id="the-next-slot"),
        pytest.param(1.5, 3, id="a-hiccup-is-caught-up"),
        pytest.param(4.999, 9, id="nearly-a-period"),
        pytest.param(3600.0, 10, id="a-pause-brings-one-reading-each"),
        pytest.param(-60.0, 0, id="the-clock-went-back"),
    ],
)
def test_slots_due_after_a_delay(late, due):
    schedule = Schedule(facilities=10, period=5.0)
    served = schedule.latest(NOW)
    slots = schedule.due(served, schedule.begins(served) + late + 1e-4)
    assert len(slots) == due
    assert all(slot > served for slot in slots)
    assert not due or slots[-1] == schedule.latest(schedule.begins(served) + late + 1e-4)


def test_a_restart_keeps_the_phases_and_nothing_drifts():
    one, other = Schedule(facilities=74, period=5.0), Schedule(facilities=74, period=5.0)
    slot = one.latest(NOW)
    assert one.begins(slot + 74 * 100_000) - one.begins(slot) == pytest.approx(500_000, abs=1e-3)
    assert one.latest(NOW) == other.latest(NOW)
