"""What a day holds, as sums that do not depend on order, files or engine: the arithmetic of the proof."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Of one facility and day. Both are additive: of two disjoint sets of rows they are the sums of each."""

    rows: int
    hash: int
    """Sum of the 64-bit hashes of all rows, unbounded."""

    def __add__(self, other: Sums) -> Sums:
        return Sums(rows=self.rows + other.rows, hash=self.hash + other.hash)

    def __sub__(self, other: Sums) -> Sums:
        return Sums(rows=self.rows - other.rows, hash=self.hash - other.hash)


MARK_BITS, MARKS_A_LONG = 2, 31
"""A row's hash is the XXH64, as Spark computes it, of its columns in the order of the table and then of marks, which
tell what that hash does not see: 1 for a null, 2 for -0.0. They are packed into as many longs as it takes."""

NOTHING = Sums(rows=0, hash=0)

Content = Mapping[tuple[date, int], Sums]
"""Sums by (local day, facility)."""


def total(content: Content) -> Sums:
    """Sums over all facilities and days."""
    return sum(content.values(), start=NOTHING)


def differences(before: Content, after: Content) -> list[str]:
    """One sentence for each facility and day whose sums differ."""
    return [
        _difference(key, before.get(key, NOTHING), after.get(key, NOTHING))
        for key in sorted(before.keys() | after.keys())
        if before.get(key, NOTHING) != after.get(key, NOTHING)
    ]


def after_undo(current: Content, wrong: Content, right: Content) -> Content:
    """What a day must hold once the rewrite from `right` to `wrong` is taken back from `current`.

    What `current` has beyond `wrong` came from live writers and stays.
    """
    keys = current.keys() | wrong.keys() | right.keys()
    sums = {key: _at(current, key) - _at(wrong, key) + _at(right, key) for key in keys}
    return {key: value for key, value in sums.items() if value != NOTHING}


def digest_of(names: Iterable[str]) -> str:
    """Of the names of data files, in whatever order: files are never changed, so that names tell what they hold."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:32]


def shortened(sentences: Iterable[str], at_most: int = 5) -> str:
    """The first of `sentences` and how many more there are."""
    listed = list(sentences)
    more = len(listed) - at_most
    return "; ".join(listed[:at_most]) + (f"; and {more} more" if more > 0 else "")


def _at(content: Content, key: tuple[date, int]) -> Sums:
    return content.get(key, NOTHING)


def _difference(key: tuple[date, int], before: Sums, after: Sums) -> str:
    day, facility = key
    if before.rows != after.rows:
        return f"facility {facility} on {day}: {before.rows:,} rows before, {after.rows:,} after"
    return f"facility {facility} on {day}: {before.rows:,} rows with hash {before.hash} before, {after.hash} after"
