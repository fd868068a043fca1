"""Randomness without a state: every value follows from (seed, facility, moment, channel) alone.

A generator with a state would make a facility's values depend on when its process was started and
on which other facilities ran beside it. Hashing the coordinates instead keeps each facility the
same after a restart, and is one vector operation for all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(value: Keys) -> Keys:
    """Finaliser of splitmix64 (Steele, Lea and Flood 2014): every input bit reaches every output bit."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _words(values: NDArray[Any]) -> Keys:
    return values.astype(np.int64).view(np.uint64)


def keys(seed: int, facilities: Ints) -> Keys:
    """One key per facility, shape (n,): the root of all its random values."""
    root = _mix(np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64) + _GOLDEN)
    return _mix(root + _words(facilities) * _GOLDEN)


def _hash(key: Keys, moment: NDArray[Any], channels: int, stream: int) -> Keys:
    """Hash (n,) keys at integer moments, (n,) or (n, channels), into (n, channels) words."""
    columns = _words(np.arange(stream * 1000, stream * 1000 + channels)) * np.uint64(0xD1B54A32D192ED03)
    if moment.ndim == 1:
        return _mix(_mix(key + _words(moment) * _GOLDEN)[:, None] + columns)
    return _mix(_mix(key[:, None] + _words(moment) * _GOLDEN) + columns)


def uniform(key: Keys, moment: NDArray[Any], channels: int, stream: int) -> Floats:
    """Independent values in [0, 1), shape (n, channels); `stream` sets uses apart from each other."""
    word = _hash(key, moment, channels, stream) >> np.uint64(11)
    return word.astype(np.float64) * 2.0**-53


def normal(key: Keys, moment: NDArray[Any], channels: int, stream: int) -> Floats:
    """Nearly normal values (sum of four uniforms) of mean 0 and deviation 1, within +-3.47, shape (n, channels)."""
    word = _hash(key, moment, channels, stream)
    low = np.uint64(0xFFFF)
    total: Keys = (
        (word & low) + ((word >> np.uint64(16)) & low) + ((word >> np.uint64(32)) & low) + (word >> np.uint64(48))
    )
    return (total.astype(np.float64) / 65535 - 2.0) * 3**0.5


def wander(key: Keys, at: Floats, every: Floats, stream: int) -> Floats:
    """Slowly changing values in [-1, 1], shape (n, len(every)).

    at: epoch seconds, shape (n,); every: seconds between two independent values of each channel.
    """
    position = at[:, None] / every
    left = np.floor(position)
    fraction = position - left
    fraction *= fraction * (3 - 2 * fraction)
    before = uniform(key, left, len(every), stream)
    after = uniform(key, left + 1, len(every), stream)
    return 2 * (before + (after - before) * fraction) - 1
