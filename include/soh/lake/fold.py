"""Folding: append what has landed and is not consumed yet, in one commit; prove it; take the originals away."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from soh.errors import ProofFailed
from soh.lake.compaction import Snapshot
from soh.lake.content import Content, differences, shortened, total
from soh.lake.engine import Batch, Engine, Table
from soh.lake.figures import Folded, Steps
from soh.lake.folding import (
    CONSUMED,
    CONSUMED_FROM,
    TAKES_OUT,
    Gap,
    Plan,
    Positions,
    from_text,
    missing,
    moved_between,
    plan,
    settled,
    to_text,
)
from soh.lake.landing import Landing
from soh.specs import TableSpec, TopicSpec
from soh.specs.landing import LandedObject

log = logging.getLogger(__name__)

PROVEN_FOLD = "soh.proven-fold"
"""Property of the table: the fold that was proven last, or what took out one that was wrong."""

_SHOWN_GAPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    engine: Engine
    table: Table
    spec: TableSpec
    topic: TopicSpec
    landing: Landing
    name: str
    started_at: datetime
    steps: Steps = field(default_factory=Steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What one fold has found in what it read."""

    end: Positions
    missing: int
    gaps: tuple[Gap, ...]
    unreadable: int


def fold(engine: Engine, spec: TableSpec, topic: TopicSpec, landing: Landing, name: str) -> Folded:
    """Bring everything that has landed of `topic` into the table, each record once, and delete what is in it.

    Safe to repeat and to kill at any moment: the positions are in the summary of the one commit that appends, so they
    move with it or not at all; a commit that has not been proven is proven by the next run, before anything is deleted.
    Raises ProofFailed (the append is taken out again), BadInput for an object that is no landed one inside, and
    ServerUnreachable when the object store goes away.
    """
    engine.ensure(spec)
    run = _Run(
        engine=engine,
        table=engine.table(spec),
        spec=spec,
        topic=topic,
        landing=landing,
        name=name,
        started_at=datetime.now(UTC),
    )
    table, steps = run.table, run.steps
    with steps.step("list"):
        objects, foreign = landed_objects(landing, topic.name)
    chain = table.chain()
    last = newest_fold(chain)
    if last is not None and table.read_property(PROVEN_FOLD) != str(last.id):
        with steps.step("prove what an earlier run left"):
            _prove_left(run, chain, last, objects)
    planned = plan(objects, positions(last))
    log.info("%s: %s objects to read, %s consumed before", table.name, len(planned.read), len(planned.delete))
    if not planned.read:
        _delete(run, planned.delete)
        return _nothing(run, planned, foreign)
    with steps.step("read"):
        batch = engine.read_landed(spec, planned.read, planned.start, None)
    try:
        taken = _take(run, planned, batch)
        with steps.step("append"):
            batch.append({CONSUMED: to_text(taken.end), CONSUMED_FROM: to_text(planned.start)})
        with steps.step("prove"):
            chain = table.chain()
            content = _prove(run, chain, _own(chain, planned.start, taken.end), batch)
        gone = plan(objects, taken.end).delete
        _delete(run, gone)
        return _told(run, batch, planned, taken, content, deleted=len(gone), foreign=foreign)
    finally:
        batch.close()


def landed_objects(landing: Landing, topic: str) -> tuple[list[LandedObject], int]:
    """Settled objects of `topic`, and how many keys beside them are none."""
    earlier, _ = landing.objects(topic)
    later, foreign = landing.objects(topic)
    return settled(earlier, later), len(foreign)


def newest_fold(chain: Collection[Snapshot]) -> Snapshot | None:
    """The newest snapshot that carries positions; `chain` goes from the newest snapshot back."""
    return next((snapshot for snapshot in chain if CONSUMED in snapshot.summary), None)


def positions(snapshot: Snapshot | None) -> dict[int, int]:
    """The positions that a snapshot carries; none before the first fold. Raises BadInput."""
    return from_text(snapshot.summary[CONSUMED]) if snapshot is not None else {}


def _take(run: _Run, planned: Plan, batch: Batch) -> _Taken:
    """See what the batch holds, and put aside what cannot be read."""
    end = dict(planned.start) | {partition: last + 1 for partition, last in batch.last.items()}
    lost = missing(planned.start, end, batch.records)
    gaps = batch.gaps(planned.start, _SHOWN_GAPS) if lost else ()
    for gap in gaps:
        log.warning("%s: never landed: %s", run.table.name, gap)
    with run.steps.step("set unreadable records aside"):
        aside = run.landing.put_unreadable(run.topic.name, batch.unreadable()) if batch.reasons else 0
    return _Taken(end=end, missing=lost, gaps=gaps, unreadable=aside)


def _own(chain: Collection[Snapshot], start: Positions, end: Positions) -> Snapshot:
    """The snapshot that this run has committed."""
    for snapshot in chain:
        if snapshot.summary.get(CONSUMED) == to_text(end) and snapshot.summary.get(CONSUMED_FROM) == to_text(start):
            return snapshot
    raise ProofFailed(
        f"no snapshot carries the positions {to_text(end)} that were just committed; nothing that landed was deleted. "
        "Look at the table's snapshots before the next fold"
    )


def _prove_left(run: _Run, chain: list[Snapshot], last: Snapshot, objects: Collection[LandedObject]) -> None:
    """Prove a fold whose run died between its commit and its proof; its originals should all still be there."""
    if TAKES_OUT in last.summary:
        run.table.write_property(PROVEN_FOLD, str(last.id))
        return
    start, end = from_text(last.summary[CONSUMED_FROM]), positions(last)
    of_it = [landed for landed in objects if landed.last >= start.get(landed.partition, 0)]
    of_it = [landed for landed in of_it if landed.first < end.get(landed.partition, 0)]
    begin = {**{landed.partition: 0 for landed in of_it}, **start}
    batch = run.engine.read_landed(run.spec, of_it, begin, end)
    try:
        landed_rows, appended = total(batch.content()).rows, last.number("added-records")
        if landed_rows < appended:
            # Without their originals the rows are all there is of these grades.
            raise ProofFailed(
                f"snapshot {last.id} appended {appended:,} rows to {run.table.name} and was never proven, and only "
                f"{landed_rows:,} of them are still in the landing: somebody else has deleted there. Nothing is "
                f"changed; put the objects back, or set the table's property {PROVEN_FOLD} to '{last.id}' to keep "
                "the rows"
            )
        _prove(run, chain, last, batch)
    finally:
        batch.close()


def _prove(run: _Run, chain: list[Snapshot], own: Snapshot, batch: Batch) -> Content:
    """Compare what `own` appended with the batch, by facility and day; take it out again when they differ.

    Raises ProofFailed after that.
    """
    table = run.table
    older = chain[chain.index(own) + 1 :]
    before = newest_fold(older)
    wanted, found = batch.content(), table.added(own)
    wrong = moved_between(positions(before), from_text(own.summary[CONSUMED_FROM])) if before else []
    wrong += differences(wanted, found)
    if not wrong:
        table.write_property(PROVEN_FOLD, str(own.id))
        return found
    back = to_text(positions(before)) if before else to_text({})
    table.take_out(own, {TAKES_OUT: str(own.id), CONSUMED: back, CONSUMED_FROM: back})
    taken = newest_fold(table.chain())
    table.write_property(PROVEN_FOLD, str(taken.id) if taken else "")
    raise ProofFailed(
        f"what snapshot {own.id} appended to {table.name} is not what had landed, so it is taken out again and the "
        f"positions are {back}; nothing that landed was deleted: {shortened(wrong)}"
    )


def _delete(run: _Run, objects: Collection[LandedObject]) -> None:
    if objects:
        with run.steps.step("delete what is consumed"):
            run.landing.delete(tuple(objects))


def _nothing(run: _Run, planned: Plan, foreign: int) -> Folded:
    return Folded(
        table=run.spec.name,
        topic=run.topic.name,
        engine=run.name,
        folded=False,
        rows=0,
        days=(),
        facilities=0,
        hash=None,
        duplicates=0,
        unreadable=0,
        reasons={},
        missing=0,
        gaps=(),
        positions=planned.start,
        objects=0,
        objects_deleted=len(planned.delete),
        foreign=foreign,
        seconds=run.steps.seconds,
        started_at=run.started_at,
        verdict="nothing to do: nothing has landed that is not in the table already",
    )


def _told(
    run: _Run, batch: Batch, planned: Plan, taken: _Taken, content: Content, *, deleted: int, foreign: int
) -> Folded:
    sums = total(content)
    facilities = len({facility for _, facility in content})
    verdict = f"folded {len(planned.read):,} objects, {sums.rows:,} rows of {facilities:,} facilities"
    if taken.unreadable:
        verdict += f"; {taken.unreadable:,} unreadable records set aside"
    if taken.missing:
        verdict += f"; {taken.missing:,} records never landed: {shortened(map(str, taken.gaps))}"
    return Folded(
        table=run.spec.name,
        topic=run.topic.name,
        engine=run.name,
        folded=True,
        rows=sums.rows,
        days=tuple(sorted({day for day, _ in content})),
        facilities=facilities,
        hash=str(sums.hash),
        duplicates=batch.duplicates,
        unreadable=taken.unreadable,
        reasons=batch.reasons,
        missing=taken.missing,
        gaps=tuple(map(str, taken.gaps)),
        positions=taken.end,
        objects=len(planned.read),
        objects_deleted=deleted,
        foreign=foreign,
        seconds=run.steps.seconds,
        started_at=run.started_at,
        verdict=verdict,
    )
