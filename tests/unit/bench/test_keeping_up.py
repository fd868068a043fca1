"""What counts as keeping up with so many sensors."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bench.parts.keeping_up import Lag, Slope, Step, lags_of, most_held, reasons, slope_of, spread_over

from soh.streams.verdict import Sample

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
STEP = Step(
    sensors=1000,
    input_per_s=200.0,
    wanted_per_s=200.0,
    p50_ms=1000.0,
    p99_ms=3000.0,
    looked_for=600,
    missing=0,
    slopes={"heat_to_lake": Slope(1.0, 0.0), "heat_scoring": Slope(-3.0, 0.0)},
)


def sawtooth(*, rate: float, reads: float, trigger: int = 10, seconds: int = 60) -> list[Sample]:
    """A stream that commits every `trigger` seconds what it read, looked at every 2 s; both rates a second."""
    samples = []
    for second in range(0, seconds + 1, 2):
        batch = second // trigger
        samples.append(
            Sample(
                at=BEGIN + timedelta(seconds=second),
                committed={0: int(batch * trigger * reads)},
                ends={0: int(second * rate)},
                beginnings={0: 0},
                committed_batch=batch,
                committed_at=BEGIN + timedelta(seconds=batch * trigger),
            )
        )
    return samples


def test_a_stream_with_a_long_trigger_that_reads_all_does_not_fall_behind():
    samples = sawtooth(rate=100, reads=100)
    looks = [Lag(one.at.timestamp(), one.ends[0] - one.committed[0]) for one in samples]
    assert slope_of(looks).per_s > 1, "by its looks it would"
    assert slope_of(lags_of(samples)).per_s == pytest.approx(0, abs=0.01)


def test_a_stream_that_reads_less_than_comes_falls_behind_by_the_difference():
    assert slope_of(lags_of(sawtooth(rate=100, reads=90))).per_s == pytest.approx(10, abs=0.1)


def test_a_stream_that_commits_nothing_falls_behind_by_all_that_comes():
    stuck = [replace(one, committed=None, committed_batch=None, committed_at=None) for one in sawtooth(rate=5, reads=5)]
    assert slope_of(lags_of(stuck)).per_s == pytest.approx(5)
    hung = [replace(one, committed={0: 0}, committed_batch=0, committed_at=BEGIN) for one in sawtooth(rate=5, reads=5)]
    assert slope_of(lags_of(hung)).per_s == pytest.approx(5)


def group(**pace) -> list[Sample]:
    """A consumer group, whose commits do not say when they were."""
    return [replace(one, committed_batch=None, committed_at=None) for one in sawtooth(**pace)]


def test_a_consumer_group_that_commits_seldom_and_reads_all_does_not_fall_behind():
    seldom = group(rate=100, reads=100, trigger=60, seconds=240)
    assert slope_of(lags_of(seldom)).per_s == pytest.approx(0, abs=0.01)
    assert len(lags_of(seldom)) == 4


def test_a_consumer_group_that_reads_less_than_comes_falls_behind_by_the_difference():
    assert slope_of(lags_of(group(rate=100, reads=90, trigger=60, seconds=240))).per_s == pytest.approx(10, abs=0.1)
    assert slope_of(lags_of(group(rate=8, reads=4, trigger=2))).per_s == pytest.approx(4, abs=0.1)


def test_a_consumer_group_that_was_seen_to_commit_once_is_judged_by_every_look():
    assert len(lags_of(group(rate=8, reads=8, trigger=40))) == 31


def test_a_commit_before_the_first_look_is_left_out():
    samples = [replace(one, at=one.at + timedelta(seconds=5)) for one in sawtooth(rate=100, reads=100)]
    assert min(lag.at for lag in lags_of(samples)) >= samples[0].at.timestamp()


@pytest.mark.parametrize(
    ("lags", "expected"),
    [
        pytest.param([], None, id="never-looked-at"),
        pytest.param([Lag(1.0, 5)], None, id="looked-at-once"),
        pytest.param([Lag(1.0, 5), Lag(3.0, 9)], Slope(2.0, 0.0), id="two-looks"),
        pytest.param([Lag(1.0, 5), Lag(2.0, 5), Lag(3.0, 5)], Slope(0.0, 0.0), id="level"),
    ],
)
def test_slope(lags, expected):
    assert slope_of(lags) == expected


def test_what_may_be_chance_is_no_growth():
    slope = slope_of([Lag(float(at), records) for at, records in enumerate([10, 90, 20, 80, 30, 95])])
    assert slope.per_s > 0
    assert slope.at_least < 0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({}, None, id="keeps-up"),
        pytest.param({"slopes": {"x": Slope(2.0, 0.0)}}, None, id="one-percent"),
        pytest.param({"slopes": {"x": Slope(2.1, 0.0)}}, "the lag of x grows by 2.1 of 200.0", id="more"),
        pytest.param({"slopes": {"x": Slope(2.1, 0.1)}}, None, id="perhaps-more"),
        pytest.param({"slopes": {"x": None}}, "the lag of x is not known", id="never-seen"),
        pytest.param({"p99_ms": 5000.0}, None, id="just-fast-enough"),
        pytest.param({"p99_ms": 5001.0}, "p99 from the sensor", id="slow"),
        pytest.param({"missing": 1}, "1 of 600 readings did not come", id="lost"),
        pytest.param({"input_per_s": 190.0}, "only 190.0 of 200.0", id="sensors-that-did-not-send"),
        pytest.param({"looked_for": 0}, "no reading was sent", id="nothing-sent"),
    ],
)
def test_reasons(changes, complaint):
    found = reasons(replace(STEP, **changes))
    assert [sentence.startswith(complaint) for sentence in found] == ([True] if complaint else [])


def test_the_largest_step_counts_up_to_which_all_were_held():
    slow = {"p99_ms": 9000.0}
    steps = [replace(STEP, sensors=74), STEP, replace(STEP, sensors=2500, **slow), replace(STEP, sensors=5000)]
    assert most_held(steps) == 1000
    assert most_held(steps[2:]) == 0
    assert most_held([]) == 0


def test_the_growth_is_that_of_the_worst_reader_and_never_below_0():
    assert STEP.growth == pytest.approx(0.005)
    assert replace(STEP, slopes={"x": Slope(-1.0, 0.0), "y": None}).growth == 0


def test_sensors_that_are_looked_for_come_from_all_parts():
    assert spread_over(range(100), 4) == [0, 25, 50, 75]
    assert spread_over([7, 8], 50) == [7, 8]
