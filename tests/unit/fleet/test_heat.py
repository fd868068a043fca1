import time
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.fakes.readings import one_by_one

from soh.errors import BadInput
from soh.fleet.conditions import CONDITIONS
from soh.fleet.heat import HeatFleet
from soh.specs.fleets import HEAT
from soh.specs.schemas import PHASES

FACILITIES = range(HEAT.first_facility, HEAT.first_facility + HEAT.facilities)
ALL = np.arange(HEAT.facilities)
MONDAY = datetime(2027, 3, 1, tzinfo=ZoneInfo("Asia/Seoul")).timestamp()


def started(at: float, **settings: object) -> HeatFleet:
    fleet = HeatFleet(FACILITIES, **settings)
    fleet.resume(now=at, readings={}, inspections={}, same_settings=False)
    return fleet


def simulate(fleet: HeatFleet, start: float, every: float, steps: int) -> tuple[dict[str, np.ndarray], dict]:
    """Readings of the whole fleet and the truth about it, arrays of shape (steps, facilities)."""
    columns, truths = [], []
    for step in range(steps):
        values, truth = fleet.step(ALL, np.full(len(ALL), start + every * step))
        columns.append(values)
        truths.append(truth)
    return (
        {name: np.array([values[name] for values in columns]) for name in columns[0]},
        {name: np.array([getattr(one, name) for one in truths]) for name in ("found", "state", "severity")},
    )


def phases(values: dict[str, np.ndarray], name: str) -> np.ndarray:
    return np.stack([values[f"{phase}_{name}"] for phase in PHASES], axis=-1)


@pytest.fixture(scope="module")
def day() -> dict[str, np.ndarray]:
    """A Monday in Seoul, one reading a minute."""
    return simulate(started(MONDAY), MONDAY, 60.0, 1440)[0]


@pytest.fixture(scope="module")
def weeks() -> tuple[dict[str, np.ndarray], dict]:
    """Twenty days, one reading per half hour."""
    return simulate(started(MONDAY), MONDAY, 1800.0, 960)


@pytest.mark.parametrize(
    ("relation", "tolerance"),
    [
        pytest.param(
            lambda v: (phases(v, "line_voltage"), 3**0.5 * phases(v, "voltage")), 0.02, id="line=sqrt3-phase-voltage"
        ),
        pytest.param(lambda v: (v["line_voltage"], 3**0.5 * v["phase_voltage"]), 0.02, id="mean-line=sqrt3-mean-phase"),
        pytest.param(lambda v: (v["active_power"], phases(v, "active_power").sum(-1)), 0.01, id="P=sum-of-phases"),
        pytest.param(lambda v: (v["reactive_power"], phases(v, "reactive_power").sum(-1)), 0.01, id="Q=sum-of-phases"),
        pytest.param(lambda v: (v["current"], phases(v, "current").mean(-1)), 0.01, id="I=mean-of-phases"),
        pytest.param(lambda v: (v["phase_voltage"], phases(v, "voltage").mean(-1)), 0.01, id="V=mean-of-phases"),
        pytest.param(lambda v: (v["line_voltage"], phases(v, "line_voltage").mean(-1)), 0.01, id="line=mean-of-phases"),
        pytest.param(
            lambda v: (
                np.hypot(phases(v, "active_power"), phases(v, "reactive_power")),
                phases(v, "voltage") * phases(v, "current"),
            ),
            0.05,
            id="S=V-times-I",
        ),
    ],
)
def test_a_day_of_every_facility_keeps_the_relations_of_three_phase_power(day, relation, tolerance):
    left, right = relation(day)
    assert (abs(left - right) <= tolerance * abs(right) + 1e-9).all()


def test_power_factor_is_never_above_1_and_never_absurd(day):
    power, reactive = phases(day, "active_power"), phases(day, "reactive_power")
    factor = power[power > 0] / np.hypot(power, reactive)[power > 0]
    assert factor.max() <= 1
    assert 0.4 < factor.min() < np.median(factor) < 0.97


def test_frequency_is_near_60_when_running_and_0_when_stopped(day):
    running = day["active_power"] > 0
    assert ((day["frequency"] == 0) == ~running).all()
    assert day["frequency"][running].min() >= 59.5
    assert day["frequency"][running].max() <= 60.5


def test_a_stop_takes_power_and_current_away_and_leaves_the_voltage(day):
    stopped = day["active_power"] == 0
    assert 0.1 < stopped.mean() < 0.6
    for name in ("active_power", "reactive_power", "current"):
        assert (phases(day, name)[stopped] == 0).all()
    assert (phases(day, "voltage") > 190).all()
    starts = (stopped[:-1] & ~stopped[1:]).sum(axis=0)
    assert (starts > 0).mean() > 0.7


def test_energy_grows_by_the_integral_of_power(day):
    gained = day["energy_total"][-1] - day["energy_total"][0]
    power = day["active_power"]
    integral = ((power[1:] + power[:-1]) / 2).sum(axis=0) * 60 / 3.6e6
    assert (np.diff(day["energy_total"], axis=0) >= 0).all()
    assert gained == pytest.approx(integral, rel=1e-3)


def test_facilities_differ_in_size_and_work_by_day(day):
    largest = day["active_power"].max(axis=0)
    assert largest.max() / largest.min() > 8
    by_hour = day["active_power"].reshape(24, 60, -1).sum(axis=(1, 2))
    assert by_hour[9:11].min() > 1.3 * by_hour[1:4].max()
    sunday = simulate(started(MONDAY - 86400), MONDAY - 86400, 600.0, 144)[0]
    assert (sunday["active_power"] == 0).all(axis=0).sum() > 5 + (day["active_power"] == 0).all(axis=0).sum()


def test_temperature_follows_the_load_slowly_and_stays_plausible(day):
    assert day["temperature"].min() > 5
    assert day["temperature"].max() < 160
    assert abs(np.diff(day["temperature"], axis=0)).max() < 12


def features(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    current, voltage = phases(values, "current"), phases(values, "voltage")
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = phases(values, "active_power") / np.hypot(
            phases(values, "active_power"), phases(values, "reactive_power")
        )
        return {
            "power_factor": factor.mean(-1),
            "lowest_power_factor": factor.min(-1),
            "current_spread": np.ptp(current, axis=-1) / current.mean(-1),
            "voltage_spread": np.ptp(voltage, axis=-1) / voltage.mean(-1),
            "temperature": values["temperature"],
            "current": np.log(np.maximum(current.mean(-1), 1e-9)),
        }


@pytest.mark.parametrize(
    ("condition", "deviations"),
    [
        ("winding_heat", {"temperature": 3, "power_factor": 3, "current_spread": 3}),
        ("phase_imbalance", {"current_spread": 15, "voltage_spread": 3, "lowest_power_factor": 3}),
        ("power_factor_falling", {"power_factor": 10, "current": 1.5, "temperature": 2.5}),
        ("loose_contact", {"voltage_spread": 3, "current_spread": 5}),
    ],
)
def test_a_condition_shows_itself_in_several_channels_and_is_gone_after_the_repair(weeks, condition, deviations):
    values, truth = weeks
    running = values["active_power"] > 0
    shown = features(values)
    shifts = {name: [] for name in deviations}
    for facility in ALL:
        sick = running[:, facility] & (truth["state"][:, facility] == 2)
        sick &= truth["found"][:, facility] == CONDITIONS.index(condition)
        well = running[:, facility] & (truth["severity"][:, facility] == 0)
        if sick.sum() < 8 or well.sum() < 8:
            continue
        after = well & (np.arange(len(well)) > np.flatnonzero(sick)[0])
        for name in deviations:
            channel = shown[name][:, facility]
            spread = channel[well].std()
            shifts[name].append(abs(channel[sick].mean() - channel[well].mean()) / spread)
            if after.sum() > 8:
                assert abs(channel[after].mean() - channel[well].mean()) < spread
    for name, least in deviations.items():
        assert len(shifts[name]) > 20
        assert np.median(shifts[name]) > least


def balanced(truth: np.ndarray, guess: np.ndarray) -> float:
    return float(np.mean([(guess[truth == kind] == kind).mean() for kind in (0, 1)]))


def by_threshold(channel: np.ndarray, wrong: np.ndarray, learn: np.ndarray) -> float:
    """Balanced accuracy, on what was not learnt from, of the best limit on one number."""
    limits = [(limit, sign) for limit in np.quantile(channel[learn], np.linspace(0.02, 0.98, 49)) for sign in (1, -1)]
    limit, sign = max(
        limits, key=lambda one: balanced(wrong[learn], ((channel[learn] - one[0]) * one[1] > 0).astype(int))
    )
    return balanced(wrong[~learn], ((channel[~learn] - limit) * sign > 0).astype(int))


def by_regression(channels: np.ndarray, wrong: np.ndarray, learn: np.ndarray) -> float:
    """The same for least squares on channels, their squares and products."""
    scaled = (channels - channels[learn].mean(0)) / channels[learn].std(0)
    pairs = [scaled[:, i] * scaled[:, j] for i in range(scaled.shape[1]) for j in range(i, scaled.shape[1])]
    terms = np.column_stack([scaled, *pairs, np.ones(len(scaled))])
    weight = np.where(wrong == 1, 1 / wrong[learn].mean(), 1 / (1 - wrong[learn].mean()))[learn, None]
    normal = (terms[learn] * weight).T @ terms[learn] + np.eye(terms.shape[1])
    solution = np.linalg.solve(normal, (terms[learn] * weight).T @ (2.0 * wrong[learn] - 1))
    return balanced(wrong[~learn], (terms[~learn] @ solution > 0).astype(int))


@pytest.mark.parametrize("least", [1, 2], ids=["caution-or-worse", "warning"])
def test_no_single_number_gives_the_grade_but_several_together_nearly_do(weeks, least):
    values, truth = weeks
    running = values["active_power"] > 0
    wrong = (truth["state"] >= least)[running].astype(int)
    learn = np.broadcast_to((np.arange(960) < 480)[:, None], running.shape)[running]
    single = max(by_threshold(channel[running], wrong, learn) for channel in values.values())
    several = by_regression(np.column_stack([one[running] for one in features(values).values()]), wrong, learn)
    assert single < 0.75
    assert several > 0.84
    assert several > single + 0.12


def test_the_same_seed_is_the_same_fleet_and_another_seed_is_another():
    first, again, other = (simulate(started(MONDAY, seed=seed), MONDAY, 5.0, 20)[0] for seed in (5, 5, 6))
    for name, values in first.items():
        assert (values == again[name]).all()
        assert (values != other[name]).any()


def test_a_facility_is_the_same_in_a_fleet_of_any_size():
    alone = HeatFleet([130], seed=5)
    alone.resume(now=MONDAY, readings={}, inspections={}, same_settings=False)
    values, _ = alone.step(np.array([0]), np.array([MONDAY + 5]))
    everyone, _ = started(MONDAY, seed=5).step(ALL, np.full(len(ALL), MONDAY + 5))
    assert {name: value[0] for name, value in values.items()} == {name: value[30] for name, value in everyone.items()}


def test_a_fleet_read_many_times_at_once_is_the_fleet_read_again_and_again():
    times = MONDAY + 5.0 * np.arange(1, 200)
    singly, at_once = started(MONDAY, hours_to_degrade=0.2), started(MONDAY, hours_to_degrade=0.2)
    expected = [one for at in times for one in one_by_one(singly.readings(ALL, ALL, np.full(len(ALL), at)))]
    which = np.tile(ALL, len(times))
    assert one_by_one(at_once.readings(which, which, np.repeat(times, len(ALL)))) == expected
    published = at_once.inspections(times[-1])
    assert published == singly.inspections(times[-1])
    assert len({one["state"] for one in published}) == 3


def test_stepping_the_fleet_takes_well_under_2_milliseconds():
    fleet, spent = started(MONDAY), []
    for step in range(40):
        began = time.perf_counter()
        fleet.step(ALL, np.full(len(ALL), MONDAY + step))
        spent.append(time.perf_counter() - began)
    assert min(spent) < 0.002


def last_readings(fleet: HeatFleet, at: float, seq: int) -> dict[int, dict]:
    return {
        one["facility_id"]: one | {"seq": seq}
        for one in one_by_one(fleet.readings(ALL, np.full(len(ALL), seq), np.full(len(ALL), at)))
    }


def test_a_restarted_fleet_has_its_energy_counters_and_adds_what_was_used_meanwhile():
    before = started(MONDAY)
    at = MONDAY + 10 * 3600
    uninterrupted, _ = simulate(before, at, 60.0, 121)
    last = {
        facility: {"facility_id": facility, "seq": 900, "event_time": at, "energy_total": energy}
        for facility, energy in zip(FACILITIES, uninterrupted["energy_total"][0], strict=True)
    }
    after = HeatFleet(FACILITIES)
    after.resume(now=at + 7200, readings=last, inspections={}, same_settings=True)
    values, _ = after.step(ALL, np.full(len(ALL), at + 7200))
    gained = values["energy_total"] - uninterrupted["energy_total"][0]
    wanted = uninterrupted["energy_total"][-1] - uninterrupted["energy_total"][0]
    assert (gained >= 0).all()
    assert gained.sum() == pytest.approx(wanted.sum(), rel=0.03)
    assert values["temperature"] == pytest.approx(uninterrupted["temperature"][-1], abs=6)


@pytest.mark.parametrize("same_settings", [True, False])
def test_what_a_killed_fleet_never_published_is_owed_by_one_of_the_same_settings_only(same_settings):
    before = started(MONDAY)
    last = last_readings(before, MONDAY + 1200, 240)
    after = HeatFleet(FACILITIES)
    known = {100: {"to_time": MONDAY + 900.0}}
    after.resume(now=MONDAY + 3600, readings=last, inspections=known, same_settings=same_settings)
    owed = [one for one in after.inspections(MONDAY + 3600) if one["facility_id"] in (100, 101)]
    if not same_settings:
        assert owed == []
        return
    spans = {
        facility: [(one["from_time"], one["to_time"]) for one in owed if one["facility_id"] == facility]
        for facility in (100, 101)
    }
    assert (spans[100][0][0], spans[100][-1][1]) == (MONDAY + 900, MONDAY + 1205)
    assert (spans[101][0][0], spans[101][-1][1]) == (MONDAY, MONDAY + 1205)
    for span in spans.values():
        assert [end for _, end in span[:-1]] == [begin for begin, _ in span[1:]]


@pytest.mark.parametrize("hours", [0, -1, float("nan"), float("inf")])
def test_a_time_scale_that_makes_no_sense_is_refused(hours):
    with pytest.raises(BadInput, match=r"hours to degrade is .* must be between"):
        HeatFleet(FACILITIES, hours_to_degrade=hours)
