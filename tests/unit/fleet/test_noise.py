import numpy as np

from soh.fleet import noise

FACILITIES = np.arange(100, 1100)
AT = np.full(1000, 1_800_000_000.0)


def test_a_facility_has_the_same_values_whoever_else_is_in_the_fleet():
    every = noise.uniform(noise.keys(1, FACILITIES), AT, 3, 0)
    alone = noise.uniform(noise.keys(1, FACILITIES[500:501]), AT[:1], 3, 0)
    assert (every[500] == alone[0]).all()


def test_seeds_facilities_moments_channels_and_streams_have_values_of_their_own():
    key = noise.keys(1, FACILITIES)
    base = noise.uniform(key, AT, 3, 0)
    assert len(np.unique(base)) == base.size
    for other in (
        noise.uniform(noise.keys(2, FACILITIES), AT, 3, 0),
        noise.uniform(key, AT + 1, 3, 0),
        noise.uniform(key, AT, 3, 1),
    ):
        assert abs(np.corrcoef(base.ravel(), other.ravel())[0, 1]) < 0.1


def test_uniform_values_fill_the_interval_and_normal_ones_have_mean_0_and_deviation_1():
    key = noise.keys(1, FACILITIES)
    flat, bell = noise.uniform(key, AT, 20, 0), noise.normal(key, AT, 20, 0)
    assert 0 <= flat.min() < 0.001
    assert 0.999 < flat.max() < 1
    assert abs(flat.mean() - 0.5) < 0.01
    assert abs(bell.mean()) < 0.02
    assert abs(bell.std() - 1) < 0.02


def test_wander_moves_slowly_and_never_jumps():
    key = noise.keys(1, np.arange(1))
    path = np.array([noise.wander(key, np.array([t]), np.array([600.0]), 0)[0, 0] for t in np.arange(0, 7200.0, 5)])
    assert abs(np.diff(path)).max() < 0.03
    assert np.ptp(path) > 0.5
