from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.fakes import meter

from soh.fleet.heat import HeatFleet
from soh.fleet.meter import MeterReplay
from soh.fleet.meter_file import MeterRecording, load
from soh.specs.fleets import HEAT
from soh.specs.schemas import PHASES

FACILITIES = range(100, 106)
ALL = np.arange(len(FACILITIES))
SEOUL = ZoneInfo("Asia/Seoul")
WEDNESDAY = datetime(2026, 11, 25, 10, 0, tzinfo=SEOUL)
NOW = WEDNESDAY.timestamp()


@pytest.fixture
def recording(tmp_path: Path) -> MeterRecording:
    """Four weeks and three days."""
    return load(meter.write(tmp_path / "meter.csv", 4 * meter.WEEK + 3 * meter.DAY))


def started(recording: MeterRecording, facilities=FACILITIES) -> MeterReplay:
    fleet = MeterReplay(facilities, recording)
    fleet.resume(now=NOW, readings={}, inspections={}, same_settings=False)
    return fleet


def read(fleet: MeterReplay, at: float | np.ndarray, index: int | None = None) -> dict[str, np.ndarray]:
    """Readings of all facilities at one moment, or of one facility at many."""
    which = ALL[: len(fleet.facilities)] if index is None else np.full(len(at), index)
    columns = fleet.readings(
        which, np.zeros(len(which), dtype=np.int64), np.broadcast_to(at, which.shape).astype(float)
    )
    return {name: np.array(values) for name, values in columns.items()}


def row_of(fleet: MeterReplay, at: datetime, index: int = 0) -> int:
    number, _ = fleet.place(np.array([index]), np.array([at.timestamp()]))
    return int(number[0]) % (4 * meter.WEEK)


@pytest.mark.parametrize("phase", [0.0, 1.7])
def test_every_quarter_of_an_hour_has_the_energy_and_the_powers_of_the_recording(recording, phase):
    fleet = started(recording)
    for quarter in range(100):
        begin = WEDNESDAY + timedelta(minutes=15) * quarter
        row = row_of(fleet, begin)
        shown = read(fleet, begin.timestamp() + phase + np.arange(0, 900, 5.0), 0)
        assert shown["active_power"] == pytest.approx(4000 * recording.active[row], abs=1e-6)
        assert shown["reactive_power"] == pytest.approx(4000 * recording.reactive[row], abs=1e-6)
        counter = read(fleet, begin.timestamp() + np.array([0.0, 900.0]), 0)["energy_total"]
        assert np.diff(counter) == pytest.approx(recording.active[row], abs=0.0011)


def test_time_of_day_and_weekday_are_those_of_the_recording_in_every_lap(recording):
    fleet = started(recording)
    for at in (WEDNESDAY, WEDNESDAY + timedelta(days=400, hours=5), datetime(2019, 3, 9, 23, 45, tzinfo=SEOUL)):
        for index in ALL:
            recorded = recording.begin + timedelta(minutes=15) * row_of(fleet, at, index)
            assert (recorded.weekday(), recorded.time()) == (at.weekday(), at.time())


def test_of_less_than_a_week_the_time_of_day_is_kept_and_of_less_than_a_day_nothing(tmp_path):
    days = started(load(meter.write(tmp_path / "days.csv", 3 * meter.DAY + 5)))
    for index in ALL:
        number, seconds = days.place(np.array([index]), np.array([NOW]))
        assert (number[0] % meter.DAY, seconds[0]) == (40, 0)
    hours = started(load(meter.write(tmp_path / "hours.csv", 5)))
    watts = read(hours, NOW + 900 * np.arange(20), 0)["active_power"]
    assert watts[:5].tolist() == watts[5:10].tolist() == watts[10:15].tolist()


def test_facilities_play_different_weeks_until_every_week_has_one(recording):
    assert sorted(started(recording, range(100, 104)).offsets // meter.WEEK) == [0, 1, 2, 3]
    whole = MeterRecording(begin=recording.begin, active=np.ones(47 * meter.WEEK), reactive=np.zeros(47 * meter.WEEK))
    assert len(set(MeterReplay(range(100, 147), whole).offsets)) == 47


def test_a_counter_never_goes_back_over_a_lap(recording):
    fleet = started(recording)
    counter = read(fleet, NOW + 3600.0 * np.arange(24 * 7 * 9), 0)["energy_total"]
    assert np.diff(counter).min() >= 0
    lap = recording.active[: 4 * meter.WEEK].sum()
    assert counter[24 * 7 * 8] - counter[0] == pytest.approx(2 * lap, abs=0.01)


def test_what_is_derived_keeps_the_relations_of_three_phases(recording):
    fleet = started(recording)
    shown = read(fleet, NOW + 613.0 * np.arange(3000), 0)
    running = shown["active_power"] > 0
    assert running.any()
    assert not running.all()
    for phase in PHASES:
        power, reactive = shown[f"{phase}_active_power"], shown[f"{phase}_reactive_power"]
        apparent = shown[f"{phase}_voltage"] * shown[f"{phase}_current"]
        assert apparent[running] == pytest.approx(np.hypot(power, reactive)[running], rel=0.01)
        assert shown[f"{phase}_line_voltage"] == pytest.approx(3**0.5 * shown[f"{phase}_voltage"], rel=0.01)
        assert shown[f"{phase}_current"][~running].max() == 0
    for name in ("active_power", "reactive_power"):
        assert sum(shown[f"{phase}_{name}"] for phase in PHASES) == pytest.approx(shown[name], abs=1e-6)
    for mean, of in (("current", "current"), ("phase_voltage", "voltage"), ("line_voltage", "line_voltage")):
        assert sum(shown[f"{phase}_{of}"] for phase in PHASES) / 3 == pytest.approx(shown[mean], abs=0.006)
    frequency = shown["frequency"]
    assert ((frequency[running] >= 59.5) & (frequency[running] <= 60.5)).all()
    assert (frequency[~running] == 0).all()
    assert len(set(shown["r_current"][running] / shown["s_current"][running])) > 100


def test_a_winding_follows_its_load_without_a_jump(tmp_path):
    fleet = started(load(meter.write(tmp_path / "m.csv", meter.DAY, lambda n: (100 * (n % 96 >= 48), 30, 0))))
    noon = WEDNESDAY.replace(hour=12).timestamp()
    moments = noon + np.arange(-3600, 6 * 3600, 5.0)
    shown = read(fleet, moments, 0)["temperature"]
    assert shown[moments < noon].max() < 45
    assert shown[-500:].mean() == pytest.approx(shown[:700].mean() + 50, abs=9)
    smooth = np.convolve(shown, np.ones(60) / 60, mode="valid")
    assert np.abs(np.diff(smooth)).max() < 0.25


def test_a_restarted_fleet_and_one_read_at_once_show_the_same(recording):
    first = started(recording)
    before = read(first, NOW)
    last = {
        int(before["facility_id"][index]): {"seq": 7, "event_time": NOW, "energy_total": before["energy_total"][index]}
        for index in ALL
    }
    second = MeterReplay(FACILITIES, recording)
    second.resume(now=NOW + 600, readings=last, inspections={}, same_settings=True)
    expected, found = read(first, NOW + 600), read(second, NOW + 600)
    assert all((expected[name] == found[name]).all() for name in expected)
    many = read(second, np.array([NOW + 595, NOW + 600]), 3)
    assert many["r_current"][1] == expected["r_current"][3]


def test_after_the_virtual_fleet_the_counters_go_on_and_stay_where_they_are_over_restarts(recording):
    virtual = HeatFleet(FACILITIES)
    virtual.resume(now=NOW, readings={}, inspections={}, same_settings=False)
    columns = virtual.readings(ALL, ALL, np.full(len(ALL), NOW))

    def last(columns) -> dict[int, dict]:
        rows = zip(*(columns[name] for name in ("facility_id", "event_time", "energy_total")), strict=True)
        return {int(one): {"seq": 0, "event_time": float(at), "energy_total": float(kwh)} for one, at, kwh in rows}

    counters = [np.array(columns["energy_total"])]
    known = last(columns)
    for restart in range(1, 6):
        fleet = MeterReplay(FACILITIES, recording)
        fleet.resume(now=NOW + restart, readings=known, inspections={}, same_settings=restart > 1)
        shown = read(fleet, NOW + restart)
        counters.append(shown["energy_total"])
        known = last(shown)
    steps = np.diff(counters, axis=0)
    used = read(started(recording), NOW)["active_power"] / 3.6e6
    assert steps[0] == pytest.approx(used, abs=0.011)
    assert steps[1:] == pytest.approx(np.broadcast_to(used, (4, len(ALL))), abs=0.0011)


def test_a_meter_has_no_inspections_and_is_told_apart_from_another_source(recording, tmp_path):
    fleet = started(recording)
    assert fleet.inspections(NOW + 1e6) == []
    other = load(
        meter.write(tmp_path / "other.csv", 4 * meter.WEEK + 3 * meter.DAY, begin=meter.MONDAY + timedelta(weeks=1))
    )
    settings = [HeatFleet(FACILITIES).settings, fleet.settings, MeterReplay(FACILITIES, other).settings]
    assert len(set(settings)) == 3
    assert not [one for one in settings if "\t" in one or "\n" in one]


def test_its_readings_have_every_declared_field(recording):
    columns = started(recording).readings(ALL, ALL, np.full(len(ALL), NOW))
    assert columns.keys() | {"seq"} == {field.name for field in HEAT.readings.schema.fields}
