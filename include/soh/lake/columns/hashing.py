"""The hash of a row, column by column: XXH64 as Spark computes it (`XXH64.java` there), vectorised with numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from soh.lake.content import MARK_BITS, MARKS_A_LONG, Content, Sums

U64 = NDArray[np.uint64]

_P1, _P2, _P3, _P4, _P5 = (
    np.uint64(prime)
    for prime in (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
)
_SEED = 42
"""Of Spark's `xxhash64`."""
_CHUNK = 16_384
"""Rows at a time: what is worked on stays in the processor's cache."""
_NAN = np.uint64(0x7FF8000000000000)


def content(rows: pl.DataFrame, columns: Sequence[str]) -> Content:
    """Sums of `rows` by (local day, facility), over `columns` in their order; all of them may be null."""
    hashes = row_hashes(rows.select(columns)).view(np.int64)
    # Two sums of half hashes are exact in 64 bits for four thousand million rows.
    halves = {"high": hashes >> 32, "low": hashes & 0xFFFFFFFF}
    sums = (
        rows.select("event_date", "facility_id")
        .with_columns(**{name: pl.Series(half) for name, half in halves.items()})
        .group_by("event_date", "facility_id")
        .agg(pl.len().alias("rows"), pl.col("high").sum(), pl.col("low").sum())
    )
    return {
        (day, facility): Sums(rows=count, hash=(high << 32) + low)
        for day, facility, count, high, low in sums.iter_rows()
    }


def row_hashes(rows: pl.DataFrame) -> U64:
    """A hash for each row: of its values in the order of the columns, then of the marks of nulls and of -0.0."""
    hashes = np.empty(rows.height, np.uint64)
    for begin in range(0, rows.height, _CHUNK):
        chunk = rows.slice(begin, _CHUNK)
        hashes[begin : begin + chunk.height] = _hash_chunk(chunk)
    return hashes


def _hash_chunk(rows: pl.DataFrame) -> U64:
    hashes = np.full(rows.height, _SEED, np.uint64)
    marks: list[U64] = []
    for place, series in enumerate(rows.iter_columns()):
        if place % MARKS_A_LONG == 0:
            marks.append(np.zeros(rows.height, np.uint64))
        nulls = series.is_null().to_numpy() if series.null_count() else None
        before = hashes
        hashes, negative_zeros = _hash_series(series, hashes)
        shift = np.uint64(MARK_BITS * (place % MARKS_A_LONG))
        if negative_zeros is not None:
            marks[-1] |= negative_zeros.astype(np.uint64) << (shift + np.uint64(1))
        if nulls is not None:
            hashes = np.where(nulls, before, hashes)
            marks[-1] |= nulls.astype(np.uint64) << shift
    for packed in marks:
        hashes = _hash_long(packed, hashes)
    return hashes


def _hash_series(series: pl.Series, seeds: U64) -> tuple[U64, NDArray[np.bool_] | None]:
    """The hashes of values that are not null, and where there is a -0.0; whatever stands for a null is nobody's."""
    if series.dtype == pl.String:
        return _hash_strings(series, seeds), None
    values = series.to_physical()
    if values.null_count():
        values = values.fill_null(0)
    numbers = values.to_numpy()
    if numbers.dtype == np.int32:
        return _hash_int(numbers, seeds), None
    if numbers.dtype == np.int64:
        return _hash_long(numbers.view(np.uint64), seeds), None
    if numbers.dtype != np.float64:
        raise TypeError(f"column {series.name} is {series.dtype}, for which no hash is defined")
    bits = numbers.view(np.uint64)
    zeros = numbers == 0
    negative = zeros & (bits != 0)
    if zeros.any():
        bits = np.where(zeros, np.uint64(0), bits)
    unequal = numbers != numbers
    if unequal.any():
        bits = np.where(unequal, _NAN, bits)
    return _hash_long(bits, seeds), negative if negative.any() else None


def _hash_long(values: U64, seeds: U64) -> U64:
    hashes = seeds + np.uint64(int(_P5) + 8)
    return _mix(_rotated(hashes ^ (_rotated(values * _P2, 31) * _P1), 27) * _P1 + _P4)


def _hash_int(values: NDArray[np.int32], seeds: U64) -> U64:
    hashes = seeds + np.uint64(int(_P5) + 4)
    wide = values.view(np.uint32).astype(np.uint64)
    return _mix(_rotated(hashes ^ (wide * _P1), 23) * _P2 + _P3)


def _hash_strings(series: pl.Series, seeds: U64) -> U64:
    """Equal texts together: the seeds differ, the words of the text do not."""
    hashes = seeds.copy()
    codes = series.fill_null("").cast(pl.Categorical)
    physical = codes.to_physical().to_numpy()
    for code in np.unique(physical):
        where = np.flatnonzero(physical == code)
        text = codes[int(where[0])]
        hashes[where] = _hash_bytes(str(text).encode(), seeds[where])
    return hashes


def _hash_bytes(text: bytes, seeds: U64) -> U64:
    length, place = len(text), 0
    if length >= 32:
        lanes = [
            seeds + np.uint64((int(_P1) + int(_P2)) & 0xFFFFFFFFFFFFFFFF),
            seeds + _P2,
            seeds.copy(),
            seeds - _P1,
        ]
        while place <= length - 32:
            for number in range(4):
                word = np.uint64(int.from_bytes(text[place : place + 8], "little"))
                lanes[number] = _rotated(lanes[number] + _times(word, _P2), 31) * _P1
                place += 8
        hashes = _rotated(lanes[0], 1) + _rotated(lanes[1], 7) + _rotated(lanes[2], 12) + _rotated(lanes[3], 18)
        for lane in lanes:
            hashes = (hashes ^ (_rotated(lane * _P2, 31) * _P1)) * _P1 + _P4
    else:
        hashes = seeds + _P5
    hashes = hashes + np.uint64(length)
    while place <= length - 8:
        word = np.uint64(int.from_bytes(text[place : place + 8], "little"))
        hashes = _rotated(hashes ^ _times(_turned(_times(word, _P2), 31), _P1), 27) * _P1 + _P4
        place += 8
    if place <= length - 4:
        word = np.uint64(int.from_bytes(text[place : place + 4], "little"))
        hashes = _rotated(hashes ^ _times(word, _P1), 23) * _P2 + _P3
        place += 4
    while place < length:
        hashes = _rotated(hashes ^ _times(np.uint64(text[place]), _P5), 11) * _P1
        place += 1
    return _mix(hashes)


def _mix(hashes: U64) -> U64:
    hashes = (hashes ^ (hashes >> np.uint64(33))) * _P2
    hashes = (hashes ^ (hashes >> np.uint64(29))) * _P3
    return hashes ^ (hashes >> np.uint64(32))


def _rotated(values: U64, by: int) -> U64:
    return (values << np.uint64(by)) | (values >> np.uint64(64 - by))


def _times(one: np.uint64, other: np.uint64) -> np.uint64:
    """Of two single numbers, without numpy's warning about what is meant: that it wraps."""
    return np.uint64((int(one) * int(other)) & 0xFFFFFFFFFFFFFFFF)


def _turned(value: np.uint64, by: int) -> np.uint64:
    number = int(value)
    return np.uint64(((number << by) | (number >> (64 - by))) & 0xFFFFFFFFFFFFFFFF)
