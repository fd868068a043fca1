"""Compaction of one day: pack its small files beside live writers, prove it, tidy up, tell the figures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from soh.lake.compaction import EXPIRE_FROM, KEPT_SNAPSHOTS, Plan, expirable, expiry_cutoff, plan
from soh.lake.content import total
from soh.lake.engine import Table
from soh.lake.figures import Result, Steps
from soh.lake.proof import Proof, proven, settle
from soh.specs import TableSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    table: Table
    day: date
    engine: str
    started_at: datetime
    steps: Steps = field(default_factory=Steps)


def compact(table: Table, spec: TableSpec, day: date, engine: str) -> Result:
    """Bring `day` of `table`, declared as `spec`, into few files, without a change to any reading.

    `engine` is told in the figures.

    Safe to repeat and to kill at any moment: a rewrite is one commit, and one that has not been proven is proven
    by the next run, whatever its day and its engine. Raises ProofFailed (the rewrite is undone) or RewriteConflict.
    """
    run = _Run(table=table, day=day, engine=engine, started_at=datetime.now(UTC))
    steps = run.steps
    if not table.exists():
        return _untouched(run, plan([], spec), f"nothing to do: {table.name} does not exist yet")
    with steps.step("prove what earlier runs left"):
        settled = settle(table, since=proven(table))
    with steps.step("plan"):
        planned = plan(table.files(day), spec)
    log.info("%s on %s: %s of %s files, %s bytes", table.name, day, planned.reason, planned.files, planned.size)
    if not planned.needed:
        return _untouched(run, planned, planned.reason, expired=_tidy_if_due(run))
    with steps.step("rewrite"):
        table.rewrite(day)
    with steps.step("prove"):
        proofs = [proof for proof in settle(table, since=settled.head).proofs if day in proof.days]
    if not proofs:
        return _untouched(run, planned, f"nothing to do: none of {planned.small} small files was rewritten")
    with steps.step("count duplicates"):
        duplicates = table.duplicates(proofs[-1].rewrite.id, day)
    return _compacted(run, proofs, duplicates, expired=_tidy(run))


def expiry_is_due(table: Table, now: datetime) -> bool:
    """Whether so many snapshots have grown old that it is worth a commit to let them go."""
    chain = table.chain()
    return expirable(chain, expiry_cutoff(chain, now, table.spec.keep_snapshots)) >= EXPIRE_FROM


def expire_snapshots(table: Table, now: datetime, keep: int = KEPT_SNAPSHOTS) -> int:
    """Let old snapshots go, with the files that only they need; returns how many went.

    Everything that is to be proven must have been: afterwards no rewrite of theirs can be undone.
    """
    before = table.chain()
    cutoff = expiry_cutoff(before, now, table.spec.keep_snapshots).astimezone(UTC)
    if not expirable(before, cutoff, keep):
        return 0
    table.expire(cutoff, keep)
    expired = {snapshot.id for snapshot in before} - {snapshot.id for snapshot in table.chain()}
    log.info("%s snapshots from before %s expired", len(expired), f"{cutoff:%Y-%m-%d %H:%M:%S} UTC")
    return len(expired)


def _tidy(run: _Run) -> int:
    """Pack manifests and expire snapshots; returns how many expired."""
    with run.steps.step("rewrite manifests"):
        run.table.rewrite_manifests()
    with run.steps.step("expire snapshots"):
        return expire_snapshots(run.table, datetime.now(UTC))


def _tidy_if_due(run: _Run) -> int:
    return _tidy(run) if expiry_is_due(run.table, run.started_at) else 0


def _untouched(run: _Run, planned: Plan, verdict: str, expired: int = 0) -> Result:
    return Result(
        table=run.table.spec.name,
        day=run.day,
        engine=run.engine,
        compacted=False,
        rows=planned.rows,
        facilities=None,
        duplicates=None,
        hash=None,
        files_before=planned.files,
        files_after=planned.files,
        bytes_before=planned.size,
        bytes_after=planned.size,
        snapshots_expired=expired,
        seconds=run.steps.seconds,
        started_at=run.started_at,
        verdict=verdict,
    )


def _compacted(run: _Run, proofs: Sequence[Proof], duplicates: int, expired: int) -> Result:
    content = {key: sums for key, sums in proofs[-1].after.items() if key[0] == run.day}
    sums, rewrites = total(content), [proof.rewrite for proof in proofs]
    before = sum(rewrite.number("deleted-data-files") for rewrite in rewrites)
    after = sum(rewrite.number("added-data-files") for rewrite in rewrites)
    return Result(
        table=run.table.spec.name,
        day=run.day,
        engine=run.engine,
        compacted=True,
        rows=sums.rows,
        facilities=len(content),
        duplicates=duplicates,
        hash=str(sums.hash),
        files_before=before,
        files_after=after,
        bytes_before=sum(rewrite.number("removed-files-size") for rewrite in rewrites),
        bytes_after=sum(rewrite.number("added-files-size") for rewrite in rewrites),
        snapshots_expired=expired,
        seconds=run.steps.seconds,
        started_at=run.started_at,
        verdict=f"compacted {before:,} small files into {after:,}, "
        f"{sums.rows:,} rows of {len(content):,} facilities unchanged",
    )
