"""What keeps a table's metadata small: fewer manifests, and old snapshots expired with their files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from soh.errors import RewriteConflict
from soh.specs.tables import CATALOG, NAMESPACE
from soh_spark.compaction import EXPIRE_FROM, KEPT_SNAPSHOTS, expirable, expiry_cutoff
from soh_spark.lake_table import LakeTable

log = logging.getLogger(__name__)

ATTEMPTS = 4
_CONFLICTS = ("CommitFailedException", "ValidationException")

T = TypeVar("T")


def rewrite_manifests(lake: LakeTable) -> None:
    """Pack the manifests: a stream adds one with every commit, and every commit lists them all."""
    table = f"{NAMESPACE}.{lake.spec.name}"
    call = f"CALL {CATALOG}.system.rewrite_manifests(table => '{table}', use_caching => false)"
    rows = retry_conflicts(f"manifests of {lake.name}", lambda: lake.spark.sql(call).collect())
    log.info("%s manifests became %s", rows[0]["rewritten_manifests_count"], rows[0]["added_manifests_count"])


def expiry_is_due(lake: LakeTable, now: datetime) -> bool:
    """Whether so many snapshots have grown old that it is worth a commit to let them go."""
    chain = lake.chain()
    return expirable(chain, expiry_cutoff(chain, now, lake.spec.keep_snapshots)) >= EXPIRE_FROM


def expire_snapshots(lake: LakeTable, now: datetime) -> int:
    """Let old snapshots go, with the files that only they need; returns how many went.

    Everything that is to be proven must have been: afterwards no rewrite of theirs can be undone.
    """
    before = lake.chain()
    cutoff = expiry_cutoff(before, now, lake.spec.keep_snapshots).astimezone(UTC)
    # Iceberg's action deletes what no snapshot reaches any more. Its Java interface judges by what an expired
    # snapshot removed, and would take files that an undo has put back.
    lake.spark.sql(
        f"CALL {CATALOG}.system.expire_snapshots(table => '{NAMESPACE}.{lake.spec.name}', "
        f"older_than => TIMESTAMP '{cutoff:%Y-%m-%d %H:%M:%S.%f} UTC', retain_last => {KEPT_SNAPSHOTS}, "
        f"stream_results => true)"
    ).collect()
    expired = {snapshot.id for snapshot in before} - {snapshot.id for snapshot in lake.chain()}
    log.info("%s snapshots from before %s expired", len(expired), f"{cutoff:%Y-%m-%d %H:%M:%S} UTC")
    return len(expired)


def retry_conflicts(what: str, act: Callable[[], T]) -> T:
    """Call `act` again while other writers commit first; raises RewriteConflict when they always do."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return act()
        except (PySparkException, Py4JJavaError) as error:
            if not _is_conflict(error):
                raise
            log.warning("%s, attempt %s of %s: another writer was faster", what, attempt, ATTEMPTS)
    raise RewriteConflict(
        f"{what}: other writers committed first, {ATTEMPTS} times; nothing is changed. Look for a second compaction"
    )


def _is_conflict(error: Exception) -> bool:
    # PySpark translates some of Java's exceptions and passes others on; either way the trace names every cause.
    trace = getattr(error, "_stackTrace", None) or str(error)
    return any(name in trace for name in _CONFLICTS)
