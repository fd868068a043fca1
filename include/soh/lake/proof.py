"""Proof that rewrites changed no reading, and the way back from one that did."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from soh.errors import ProofFailed, RewriteConflict
from soh.lake.compaction import Snapshot, to_undo, unproven
from soh.lake.content import Content, after_undo, differences, shortened
from soh.lake.engine import Table

log = logging.getLogger(__name__)

PROVEN = "soh.proven-snapshot"
"""Property of the table: up to this snapshot every rewrite has been proven, or taken back."""

UNDO_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One rewrite of data, and what its days held before and after it."""

    rewrite: Snapshot
    days: frozenset[date]
    before: Content
    after: Content

    @property
    def differences(self) -> list[str]:
        return differences(self.before, self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Rewrites that are proven now."""

    proofs: tuple[Proof, ...]
    head: int | None
    """The newest snapshot that was looked at; None for a table that was never written."""


def proven(table: Table) -> int | None:
    """The snapshot up to which earlier runs have proven every rewrite."""
    value = table.read_property(PROVEN)
    return int(value) if value else None


def settle(table: Table, since: int | None) -> Settled:
    """Prove every rewrite after snapshot `since`, and take back those that changed anything.

    Raises ProofFailed after the undo, with the facilities and their figures. The content is compared between
    a rewrite and its parent snapshot, so what live writers append meanwhile is on neither side.
    """
    chain = table.chain()
    pending = unproven(chain, since)
    if not pending:
        return Settled(proofs=(), head=chain[0].id if chain else None)
    known = {snapshot.id for snapshot in chain}
    undone = {snapshot.undoes for snapshot in chain if snapshot.undoes is not None}
    proofs = []
    for rewrite in pending:
        if rewrite.undoes is not None:
            # Left by a run that died before it had checked its own undo.
            _check_undo(table, chain, rewrite)
        elif rewrite.parent not in known:
            log.warning("rewrite %s cannot be proven: its parent snapshot has expired", rewrite.id)
        elif rewrite.id not in undone:
            proofs.append(_prove(table, rewrite))
    wrong = to_undo([(proof.rewrite, proof.days, not proof.differences) for proof in proofs])
    if not wrong:
        table.write_property(PROVEN, str(pending[-1].id))
        return Settled(proofs=tuple(proofs), head=chain[0].id)
    undos = [_undo(table, rewrite) for rewrite in wrong]
    table.write_property(PROVEN, str(undos[-1].id))
    found = shortened(sentence for proof in proofs for sentence in proof.differences)
    raise ProofFailed(
        f"a rewrite of {table.name} changed readings, so it is undone and the table holds what it held before, with "
        f"all that was appended since: {found}. Snapshots {', '.join(str(rewrite.id) for rewrite in wrong)} are kept "
        f"for {table.spec.keep_snapshots} to look at"
    )


def _prove(table: Table, rewrite: Snapshot) -> Proof:
    assert rewrite.parent is not None, f"rewrite {rewrite.id} has no parent"
    days = table.days_of(rewrite)
    contents = table.contents([rewrite.parent, rewrite.id], days)
    proof = Proof(rewrite=rewrite, days=days, before=contents[rewrite.parent], after=contents[rewrite.id])
    found = proof.differences
    log.info(
        "rewrite %s of %s: %s",
        rewrite.id,
        _listed(days),
        f"{len(found)} facilities differ" if found else f"{len(proof.after)} facilities unchanged",
    )
    return proof


def _undo(table: Table, rewrite: Snapshot) -> Snapshot:
    """Take `rewrite` back and check the result; another run may be doing the same. Returns the undo."""
    for attempt in range(1, UNDO_ATTEMPTS + 1):
        try:
            table.put_back(rewrite)
        except RewriteConflict as error:
            log.warning("undo of %s, attempt %s: %s", rewrite.id, attempt, error)
        chain = table.chain()
        undo = next((snapshot for snapshot in chain if snapshot.undoes == rewrite.id), None)
        if undo is not None:
            _check_undo(table, chain, undo)
            log.warning("rewrite %s is undone by snapshot %s", rewrite.id, undo.id)
            return undo
    raise ProofFailed(
        f"a rewrite of {table.name} changed readings and could not be undone: snapshot {rewrite.id}. Nothing has been "
        f"deleted; let no snapshots expire, and take it back by hand"
    )


def _check_undo(table: Table, chain: Sequence[Snapshot], undo: Snapshot) -> None:
    """The undo must leave what was there before the rewrite, and everything appended since.

    The parent of an undo is the removal that was committed with it: what was there before has to be looked for
    one step further back.
    """
    known = {snapshot.id: snapshot for snapshot in chain}
    removal = known.get(undo.parent or 0)
    rewrite = known.get(undo.undoes or 0)
    if removal is None or removal.parent is None or rewrite is None or rewrite.parent is None:
        log.warning("undo %s cannot be checked: snapshots before it have expired", undo.id)
        return
    held = table.contents([rewrite.parent, rewrite.id, removal.parent, undo.id], table.days_of(rewrite))
    due = after_undo(current=held[removal.parent], wrong=held[rewrite.id], right=held[rewrite.parent])
    if found := differences(due, held[undo.id]):
        raise ProofFailed(
            f"snapshot {undo.id} of {table.name} should have undone rewrite {rewrite.id}, but has not: "
            f"{shortened(found)}. Nothing has been deleted; let no snapshots expire, and look at both snapshots"
        )


def _listed(days: Collection[date]) -> str:
    return ", ".join(str(day) for day in sorted(days))
