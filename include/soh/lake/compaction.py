"""What compaction of a day decides: whether there is work, what is still to be proven, what may expire.

The decisions are functions of what was read from the table, by whatever engine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from soh.lake.folding import CONSUMED
from soh.specs import TableSpec

SMALL_SHARE = 0.75
"""A file below this share of the target size is small; Iceberg's own planner draws the same line."""
KEPT_SNAPSHOTS = 10
"""Snapshots that stay however old they are."""
EXPIRE_FROM = 100
"""Expired snapshots that make housekeeping worth its commits on a day without compaction."""
FORGOTTEN_AFTER = timedelta(days=14)
"""Kafka keeps no topic longer, so a query that another one replaced this long ago cannot come back."""

UNDOES = "soh.undoes"
"""Key in the summary of a snapshot that put back what a rewrite had removed; its value is the rewrite's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One file of a table."""

    size: int
    """Bytes."""
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done about the files of one day."""

    files: int
    small: int
    size: int
    """Bytes of all files."""
    rows: int
    needed: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One commit to a table; `summary` holds Iceberg's own keys as texts."""

    id: int
    parent: int | None
    committed_at: datetime
    operation: str
    summary: Mapping[str, str]

    @property
    def replaces_data(self) -> bool:
        """True for a rewrite of data files; a rewrite of manifests is called `replace` too."""
        return self.operation == "replace" and self.number("deleted-data-files") > 0

    @property
    def undoes(self) -> int | None:
        undone = self.summary.get(UNDOES)
        return int(undone) if undone else None

    @property
    def query(self) -> str | None:
        """Id of the streaming query that made this commit."""
        return self.summary.get("spark.sql.streaming.queryId")

    def number(self, key: str) -> int:
        return int(self.summary.get(key, "0"))


def plan(files: Sequence[DataFile], table: TableSpec) -> Plan:
    """Decide whether the files of one day are worth a rewrite."""
    small = sum(file.size < SMALL_SHARE * table.target_file_size for file in files)
    needed = small >= table.small_files
    count = f"{small:,} small {'file' if small == 1 else 'files'}"
    return Plan(
        files=len(files),
        small=small,
        size=sum(file.size for file in files),
        rows=sum(file.rows for file in files),
        needed=needed,
        reason=f"{count} to pack" if needed else f"nothing to do: {count if files else 'no files'}",
    )


def unproven(chain: Sequence[Snapshot], proven: int | None) -> list[Snapshot]:
    """Rewrites of data, and undos of them, after snapshot `proven`, oldest first.

    `chain` goes from the newest snapshot back. Rewrites of earlier runs are among them, so that a run that died
    between commit and proof is made good.
    """
    found: list[Snapshot] = []
    for snapshot in chain:
        if snapshot.id == proven:
            break
        if snapshot.replaces_data or snapshot.undoes is not None:
            found.insert(0, snapshot)
    return found


def to_undo(rewrites: Sequence[tuple[Snapshot, Collection[date], bool]]) -> list[Snapshot]:
    """Rewrites to take back, in order: the newest first.

    `rewrites` are (snapshot, its days, whether its content is right), oldest first. A right rewrite of a day
    that an earlier one had spoiled may have packed the spoiled file: it goes with it.
    """
    spoiled: set[date] = set()
    undo: list[Snapshot] = []
    for snapshot, days, right in rewrites:
        if not right or spoiled.intersection(days):
            spoiled.update(days)
            undo.insert(0, snapshot)
    return undo


def expiry_cutoff(chain: Sequence[Snapshot], now: datetime, keep: timedelta) -> datetime:
    """Snapshots committed before this moment may go; `chain` goes from the newest snapshot back.

    A restarted query finds its last epoch by walking the chain from the newest snapshot, so everything from
    the newest commit of every query on has to stay: without it the epoch would be written a second time. The same
    goes for the newest commit of a fold, however old: it alone knows how far the landing is consumed.
    """
    cutoff = now - keep
    newest = _newest_commits(chain)
    latest = max((chain[index].committed_at for index in newest.values()), default=now)
    alive = [index for index in newest.values() if latest - chain[index].committed_at <= FORGOTTEN_AFTER]
    alive += [index for index, snapshot in enumerate(chain) if CONSUMED in snapshot.summary][:1]
    # Clocks of writers differ, so an earlier link of the chain can carry a later time.
    return min([cutoff, *(snapshot.committed_at for snapshot in chain[: max(alive, default=-1) + 1])])


def expirable(chain: Sequence[Snapshot], cutoff: datetime, keep: int = KEPT_SNAPSHOTS) -> int:
    """How many snapshots expiry at `cutoff` would take, the newest `keep` left alone."""
    return sum(snapshot.committed_at < cutoff for snapshot in chain[keep:])


def _newest_commits(chain: Sequence[Snapshot]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for index, snapshot in enumerate(chain):
        if snapshot.query is not None:
            newest.setdefault(snapshot.query, index)
    return newest
