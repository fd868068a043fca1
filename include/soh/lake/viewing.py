"""Views: a day of a table by facility and hour, and by facility and day, computed in one reading of its rows."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from soh.errors import ProofFailed
from soh.lake.compaction import Snapshot
from soh.lake.content import shortened
from soh.lake.engine import Engine, Summary, Table
from soh.lake.figures import Refreshed
from soh.lake.packing import expire_snapshots, expiry_is_due
from soh.specs import TableSpec, ViewSpec

log = logging.getLogger(__name__)

SOURCE = "soh.source-snapshot"
"""Key in the summary of a view's snapshot: the snapshot of the table that was read."""
SOURCE_FILES = "soh.source-files"
"""Beginning of such a key; a day follows. Its value is the digest of the table's files of that day."""

CLOSE = 1e-9
"""Means that differ by less than this share are equal: a sum depends on the order in which files are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What all views of one refresh have in common."""

    table: Table
    days: Collection[date]
    snapshot: int
    digests: dict[date, str]
    now: datetime


def refresh(
    engine: Engine, spec: TableSpec, views: Sequence[ViewSpec], days: Collection[date], now: datetime
) -> list[Refreshed]:
    """Bring `views` of a table up to date for `days`, each in one commit that replaces those days and no others.

    A view whose rows are right already is left alone; where it was computed from the very files that the table still
    has, nothing is read. Raises ProofFailed when the rows that a view counts are not those that the table's own
    metadata counts; nothing is written then.
    """
    if not views:
        return []
    table = engine.table(spec)
    exists = table.exists()
    for view in views if exists else ():
        # Before there is anything to view, so that whoever asks for it is told so.
        engine.ensure(view)
    chain = table.chain() if exists else []
    if not chain:
        nothing = f"nothing to do: {table.name} holds nothing"
        return [_told(view, days, 0, 0, refreshed=False, verdict=nothing) for view in views]
    source = _Source(
        table=table,
        days=days,
        snapshot=chain[0].id,
        digests={day: table.digest(chain[0].id, day) for day in days},
        now=now,
    )
    if all(_computed_from(engine.table(view).chain(), source.digests) for view in views):
        counted = sum(table.rows_by_day(source.snapshot, days).values())
        same = "nothing to do: computed from the files that the table has"
        return [_told(view, days, None, counted, refreshed=False, verdict=same) for view in views]
    summary = engine.summarise(views[0], source.snapshot, days)
    try:
        counted = _prove(source, summary)
        return [_refresh(engine, view, summary, counted, source) for view in views]
    finally:
        summary.close()


def _computed_from(chain: Sequence[Snapshot], digests: dict[date, str]) -> bool:
    """Whether the view holds what follows from the files with these digests; `chain` is the view's."""
    left = dict(digests)
    for snapshot in chain:
        told = {day: snapshot.summary.get(f"{SOURCE_FILES}.{day}") for day in left}
        if any(found not in (None, left[day]) for day, found in told.items()):
            return False
        left = {day: digest for day, digest in left.items() if told[day] is None}
        if not left:
            return True
        if SOURCE not in snapshot.summary and snapshot.operation != "replace":
            # Somebody else's commit: what it did to these days is not known.
            return False
    return False


def _prove(source: _Source, summary: Summary) -> int:
    """How many rows of the table were counted. Raises ProofFailed when its metadata count others."""
    counted, wanted = summary.counted, source.table.rows_by_day(source.snapshot, source.days)
    wrong = [
        f"{day}: {counted.get(day, 0):,} rows counted, {wanted.get(day, 0):,} in its files"
        for day in sorted(counted.keys() | wanted.keys())
        if counted.get(day, 0) != wanted.get(day, 0)
    ]
    if wrong:
        raise ProofFailed(
            f"views of {source.table.name}: the rows that were read at snapshot {source.snapshot} are not those that "
            f"the table has; no view is changed: {shortened(wrong)}"
        )
    return sum(counted.values())


def _refresh(engine: Engine, view: ViewSpec, summary: Summary, rows: int, source: _Source) -> Refreshed:
    found, counted = summary.held(view)
    # Most nights are about a day that has no rows yet: then nothing need be compared.
    if counted == rows and (not counted or not summary.differs(view)):
        return _told(view, source.days, found, rows, refreshed=False, verdict="nothing to do: up to date")
    digests = {f"{SOURCE_FILES}.{day}": digest for day, digest in source.digests.items()}
    summary.write(view, {SOURCE: str(source.snapshot), **digests})
    written, counted = summary.held(view)
    if counted != rows:
        raise ProofFailed(
            f"view {view.identifier} counts {counted:,} rows of {source.table.name} after its refresh, which has "
            f"{rows:,}; look for a second writer, and run it again"
        )
    table = engine.table(view)
    if expiry_is_due(table, source.now):
        expire_snapshots(table, source.now)
    verdict = f"{written:,} rows over {rows:,} of {source.table.spec.name}"
    return _told(view, source.days, written, rows, refreshed=True, verdict=verdict)


def _told(
    view: ViewSpec, days: Collection[date], rows: int | None, source_rows: int, *, refreshed: bool, verdict: str
) -> Refreshed:
    log.info("%s: %s", view.name, verdict)
    return Refreshed(
        view=view.name,
        days=tuple(sorted(days)),
        refreshed=refreshed,
        rows=rows,
        source_rows=source_rows,
        verdict=verdict,
    )
