from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from soh.classifier.features import trailing
from soh.specs.models import FeatureSpec
from soh_spark.windows import FORGET_AFTER, SILENT_AFTER, Readings, advance, without_silent

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
SPEC = FeatureSpec(channels=("a", "b"))
NOTHING = Readings.from_bytes(b"", 2)


def readings(*rows, sent=None):
    """(facility, second, value) each; sent when it was measured unless `sent` gives the seconds."""
    facilities, seconds, values = (np.array(column) for column in zip(*rows, strict=True))
    return Readings(
        facilities=facilities.astype(np.int64),
        times=START + (seconds * SECOND).astype(np.int64),
        sent=START + (np.array(seconds if sent is None else sent) * SECOND).astype(np.int64),
        values=np.column_stack((values.astype(float), -values.astype(float))),
    )


def stream(*batches, spec=SPEC):
    """What is kept after `batches`, and the windows of the last one."""
    kept, windows = NOTHING, None
    for batch in batches:
        kept, windows = advance(Readings.from_bytes(kept.to_bytes(), 2), batch, spec)
    return kept, windows


def seconds(kept, facility=1):
    return ((kept.times[kept.facilities == facility] - START) / SECOND).tolist()


@pytest.mark.parametrize("size", [1, 7, 50, 400])
def test_micro_batches_of_any_size_yield_the_features_of_all_readings_at_once(size):
    rng = np.random.default_rng(8)
    times = np.sort(rng.integers(0, 600 * SECOND, 400)) + START
    new = Readings(
        facilities=rng.integers(100, 105, 400), times=times, sent=times, values=rng.normal(50, 9, size=(400, 2))
    )
    new.values[rng.random(new.values.shape) < 0.1] = np.nan
    order = np.lexsort((new.times, new.facilities))
    expected = np.empty((400, len(SPEC.names)))
    counts = np.empty(400, np.int64)
    expected[order], counts[order] = trailing(new.facilities[order], new.times[order], new.values[order], SPEC)
    kept = NOTHING
    for begin in range(0, 400, size):
        chosen = np.arange(begin, min(begin + size, 400))
        kept, windows = advance(Readings.from_bytes(kept.to_bytes(), 2), new.rows(chosen), SPEC)
        np.testing.assert_array_equal(windows.features, expected[chosen])
        np.testing.assert_array_equal(windows.readings, counts[chosen])
        assert not windows.late.any()


def test_windows_come_in_the_order_of_the_readings():
    _, windows = stream(readings((2, 5, 20), (1, 7, 11), (2, 0, 10), (1, 5, 9)))
    assert windows.features[:, 0].tolist() == [15, 10, 10, 9]
    assert windows.readings.tolist() == [2, 2, 1, 1]


def test_a_late_reading_is_graded_from_its_own_window_while_that_is_known():
    _, windows = stream(readings((1, 0, 1), (1, 30, 2), (1, 70, 3), (1, 90, 4)), readings((1, 31, 5)))
    assert not windows.late.any()
    assert windows.readings.tolist() == [3]
    assert windows.features[0, 0] == (1 + 2 + 5) / 3


@pytest.mark.parametrize(("second", "late"), [(40, False), (39.999, True)])
def test_a_reading_is_late_when_it_is_further_behind_than_the_lateness(second, late):
    _, windows = stream(readings((1, 100, 1)), readings((1, second, 2)))
    assert windows.late.tolist() == [late]


def test_lateness_counts_from_what_came_before_and_not_from_the_rest_of_the_batch():
    backlog = [(1, second, 1) for second in range(0, 600, 5)]
    _, windows = stream(readings(*backlog))
    assert not windows.late.any()
    _, windows = stream(readings(*backlog[:-1], (1, 0, 1), (1, 595, 1)))
    assert np.flatnonzero(windows.late).tolist() == [len(backlog) - 1]


def test_the_newest_of_one_facility_makes_no_other_late():
    _, windows = stream(readings((1, 1000, 1)), readings((2, 5, 2), (1, 990, 2)))
    assert windows.late.tolist() == [False, False]


def test_a_clock_that_runs_ahead_does_not_blind_its_facility():
    ahead = readings((1, 3000, 1), sent=[10])
    kept, windows = stream(readings((1, 5, 1)), ahead, readings((1, 15, 2)), readings((1, 20, 3)))
    assert not windows.late.any()
    assert windows.readings.tolist() == [3]
    assert seconds(kept) == [5, 15, 20, 3000]


def test_the_same_reading_twice_breaks_nothing():
    kept, windows = stream(readings((1, 0, 1), (1, 5, 2)), readings((1, 5, 2), (1, 5, 2)))
    assert windows.readings.tolist() == [4, 4]
    assert seconds(kept) == [0, 5, 5, 5]


def test_kept_is_what_a_reading_that_is_just_not_late_can_ask_for():
    every_five = [(1, second, 1) for second in range(0, 300, 5)]
    kept, _ = stream(readings(*every_five))
    assert seconds(kept) == list(range(180, 300, 5))
    oldest = readings((1, 235, 7))
    _, windows = stream(readings(*every_five), oldest)
    assert windows.readings.tolist() == [13]


def test_without_lateness_one_window_is_kept():
    kept, _ = stream(
        readings(*[(1, second, 1) for second in range(0, 300, 5)]), spec=replace(SPEC, lateness=timedelta(0))
    )
    assert seconds(kept) == list(range(240, 300, 5))


@pytest.mark.parametrize(
    ("silence", "left"),
    [
        pytest.param(SILENT_AFTER, [0, 5], id="not-yet-silent"),
        pytest.param(SILENT_AFTER + timedelta(seconds=1), [5], id="silent"),
        pytest.param(FORGET_AFTER, [5], id="not-yet-forgotten"),
        pytest.param(FORGET_AFTER + timedelta(seconds=1), [], id="forgotten"),
    ],
)
def test_a_facility_that_is_silent_keeps_its_newest_reading_until_it_is_forgotten(silence, left):
    at = 5 + silence.total_seconds()
    kept, _ = stream(readings((1, 0, 1), (1, 5, 2), (2, at - 5, 3), (2, at, 4)))
    kept = without_silent(kept, {0: START + int(at * SECOND)})
    assert seconds(kept) == left
    assert seconds(kept, 2) == [at - 5, at]


def test_a_facility_that_comes_back_is_graded_from_windows_that_fill_anew_and_its_late_readings_are_known():
    kept, _ = stream(readings((1, 0, 1), (1, 50, 2)))
    kept = without_silent(kept, {0: START + 700 * SECOND})
    _, windows = advance(kept, readings((1, 55, 4), (1, 20, 6), (1, -15, 8), sent=[700, 701, 702]), SPEC)
    assert windows.readings.tolist() == [3, 2, 1]
    assert windows.late.tolist() == [False, False, True]


def test_nobody_is_silent_whose_partition_is_read_less_far_than_others():
    kept, _ = stream(readings((1, 0, 1), (1, 5, 2), (2, 7200, 3)))
    assert seconds(without_silent(kept, {0: START + 5 * SECOND, 1: START + 7200 * SECOND})) == [0, 5]


def test_nothing_is_lost_where_there_is_nothing():
    assert len(without_silent(NOTHING, {0: START})) == 0


def test_bytes_hold_readings_without_loss():
    before = readings((2**62, 0.000001, 1.1), (-3, 5, np.nan))
    after = Readings.from_bytes(before.to_bytes(), 2)
    for name in ("facilities", "times", "sent", "values"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    assert len(NOTHING) == 0
