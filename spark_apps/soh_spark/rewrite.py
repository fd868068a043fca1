"""Compaction of one day: pack its small files beside live writers, prove it, tidy up, tell the figures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from pyspark.sql import SparkSession

from soh.specs import TableSpec
from soh.specs.tables import CATALOG, NAMESPACE
from soh_spark.compaction import Plan, plan
from soh_spark.content import total
from soh_spark.housekeeping import expire_snapshots, expiry_is_due, retry_conflicts, rewrite_manifests
from soh_spark.lake_table import LakeTable
from soh_spark.proof import Proof, settle
from soh_spark.result import Result, Steps

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    lake: LakeTable
    table: TableSpec
    day: date
    started_at: datetime
    steps: Steps = field(default_factory=Steps)


def compact(spark: SparkSession, table: TableSpec, day: date) -> Result:
    """Bring `day` of `table` into few files, without a change to any reading.

    Safe to repeat and to kill at any moment: a rewrite is one commit, and one that has not been proven is proven
    by the next run, whatever its day. Raises ProofFailed (the rewrite is undone) or RewriteConflict.
    """
    run = _Run(lake=LakeTable(spark=spark, spec=table), table=table, day=day, started_at=datetime.now(UTC))
    lake, steps = run.lake, run.steps
    if not lake.exists():
        return _untouched(run, plan([], table), f"nothing to do: {lake.name} does not exist yet")
    with steps.step("prove what earlier runs left"):
        settled = settle(lake, since=lake.proven())
    with steps.step("plan"):
        planned = plan(lake.files(day), table)
    log.info("%s on %s: %s of %s files, %s bytes", lake.name, day, planned.reason, planned.files, planned.size)
    if not planned.needed:
        return _untouched(run, planned, planned.reason, expired=_tidy_if_due(run))
    with steps.step("rewrite"):
        retry_conflicts(f"{lake.name} on {day}", lambda: _rewrite(run))
    with steps.step("prove"):
        proofs = [proof for proof in settle(lake, since=settled.head).proofs if day in proof.days]
    if not proofs:
        return _untouched(run, planned, f"nothing to do: none of {planned.small} small files was rewritten")
    with steps.step("count duplicates"):
        duplicates = lake.duplicates(proofs[-1].rewrite.id, day)
    return _compacted(run, proofs, duplicates, expired=_tidy(run))


def _rewrite(run: _Run) -> None:
    options = {
        "target-file-size-bytes": run.table.target_file_size,
        "min-input-files": run.table.small_files,
        "max-concurrent-file-group-rewrites": 1,
        # Several commits would be several proofs, and a crash between them a day half done.
        "partial-progress.enabled": "false",
    }
    pairs = ", ".join(f"'{key}', '{value}'" for key, value in options.items())
    row = run.lake.spark.sql(
        f"CALL {CATALOG}.system.rewrite_data_files(table => '{NAMESPACE}.{run.table.name}', strategy => 'binpack', "
        f"where => \"event_date = DATE '{run.day}'\", options => map({pairs}))"
    ).first()
    if row is not None:
        log.info("%s files rewritten into %s", row["rewritten_data_files_count"], row["added_data_files_count"])


def _tidy(run: _Run) -> int:
    """Pack manifests and expire snapshots; returns how many expired."""
    with run.steps.step("rewrite manifests"):
        rewrite_manifests(run.lake)
    with run.steps.step("expire snapshots"):
        return expire_snapshots(run.lake, datetime.now(UTC))


def _tidy_if_due(run: _Run) -> int:
    return _tidy(run) if expiry_is_due(run.lake, run.started_at) else 0


def _untouched(run: _Run, planned: Plan, verdict: str, expired: int = 0) -> Result:
    return Result(
        table=run.table.name,
        day=run.day,
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
        table=run.table.name,
        day=run.day,
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
