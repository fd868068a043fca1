"""The figures of a night: what was packed, folded and viewed, and how long each step took."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Figures of one compaction of one day of a table.

    Files and bytes are those that this run replaced (before) and wrote (after), where it compacted, and all of
    the day's otherwise. `facilities`, `duplicates` and `hash` are None where nothing was to be done, because
    then the readings were not read.
    """

    table: str
    day: date
    engine: str
    """What did it: `local`, a process of its own, or `spark`."""
    compacted: bool
    rows: int
    facilities: int | None
    duplicates: int | None
    """Rows beyond the first of each Kafka record."""
    hash: str | None
    """Sum of the hashes of all rows of the day."""
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    snapshots_expired: int
    seconds: dict[str, float]
    """By step."""
    started_at: datetime
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Figures of one fold."""

    table: str
    topic: str
    engine: str
    """What did it: `local`, a process of its own, or `spark`."""
    folded: bool
    rows: int
    """Appended."""
    days: tuple[date, ...]
    """Local days of the appended rows."""
    facilities: int
    hash: str | None
    """Sum of the hashes of the appended rows; None where there were none to append."""
    duplicates: int
    """Records that were in more than one object, beyond the first of each."""
    unreadable: int
    """Records set aside because they are no readable grades."""
    reasons: Mapping[str, int]
    """Why, and how many of each."""
    missing: int
    """Offsets below the new positions of which no record has landed."""
    gaps: tuple[str, ...]
    """The first of them in words."""
    positions: Mapping[int, int]
    """By partition the offset of the next record to consume."""
    objects: int
    """Read."""
    objects_deleted: int
    foreign: int
    """Objects beside the landed ones that nobody of ours made; they stay."""
    seconds: Mapping[str, float]
    """By step."""
    started_at: datetime
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """Figures of one view."""

    view: str
    days: tuple[date, ...]
    refreshed: bool
    rows: int | None
    """Of the view, for these days; None where it was not read."""
    source_rows: int
    """Of the table, for these days; what the rows of the view count adds up to it."""
    verdict: str


class Steps:
    """Seconds by step, and a line in the log at the end of each."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        log.info("%s ...", name)
        began = time.monotonic()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - began, 2)
        log.info("%s: %s s", name, self.seconds[name])


def to_json(figures: Mapping[str, Any]) -> str:
    """Text of an app's figures: values may be dates, and records of figures."""
    return json.dumps(figures, default=_plain, indent=2) + "\n"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else asdict(value)
