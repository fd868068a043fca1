"""Folding: append what has landed and is not consumed yet, in one commit; prove it; take the originals away."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812

from soh.errors import ProofFailed
from soh.folding.landing import Landing, Unreadable
from soh.folding.plan import (
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
from soh.specs import TableSpec, TopicSpec
from soh.specs.landing import LandedObject
from soh_spark.compaction import Snapshot
from soh_spark.content import Content, differences, shortened, total
from soh_spark.decode import decode
from soh_spark.lake_table import LakeTable
from soh_spark.landed import naming_the_store, records
from soh_spark.result import Steps
from soh_spark.schema import ensure_table, table_type

log = logging.getLogger(__name__)

PROVEN_FOLD = "soh.proven-fold"
"""Property of the table: the fold that was proven last, or what took out one that was wrong."""

_SHOWN_GAPS = 5
_ASIDE = ("reason", "raw", "copies")
"""Columns beside the table's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Figures of one fold."""

    table: str
    topic: str
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
class _Batch:
    """What one fold takes in, read once and kept on the executors' disks until it is proven."""

    rows: DataFrame
    """Columns of the table, `reason`, `raw` where there is a reason, and `copies`."""
    end: Positions
    records: Mapping[int, int]
    """By partition, distinct offsets."""
    duplicates: int
    reasons: Mapping[str, int]
    gaps: tuple[Gap, ...]

    @property
    def readable(self) -> DataFrame:
        return self.rows.where(F.col("reason").isNull()).drop(*_ASIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    lake: LakeTable
    table: TableSpec
    topic: TopicSpec
    landing: Landing
    started_at: datetime
    steps: Steps = field(default_factory=Steps)


def fold(spark: SparkSession, table: TableSpec, topic: TopicSpec, landing: Landing) -> Folded:
    """Bring everything that has landed of `topic` into `table`, each record once, and delete what is in it.

    Safe to repeat and to kill at any moment: the positions are in the summary of the one commit that appends, so they
    move with it or not at all; a commit that has not been proven is proven by the next run, before anything is deleted.
    Raises ProofFailed (the append is taken out again), BadInput for an object that is no landed one inside, and
    ServerUnreachable when the object store goes away.
    """
    lake = LakeTable(spark=spark, spec=table)
    run = _Run(lake=lake, table=table, topic=topic, landing=landing, started_at=datetime.now(UTC))
    with naming_the_store(landing, table.identifier):
        return _fold(run)


def _fold(run: _Run) -> Folded:
    lake, steps = run.lake, run.steps
    ensure_table(lake.spark, run.table)
    with steps.step("list"):
        earlier, _ = run.landing.objects(run.topic.name)
        later, foreign = run.landing.objects(run.topic.name)
        objects = settled(earlier, later)
    chain = lake.chain()
    last = newest_fold(chain)
    if last is not None and lake.property(PROVEN_FOLD) != str(last.id):
        with steps.step("prove what an earlier run left"):
            _prove_left(run, chain, last, objects)
    planned = plan(objects, positions(last))
    log.info("%s: %s objects to read, %s consumed before", lake.name, len(planned.read), len(planned.delete))
    if not planned.read:
        _delete(run, planned.delete)
        return _nothing(run, planned, len(foreign))
    batch = _read(run, planned)
    try:
        with steps.step("set unreadable records aside"):
            unreadable = run.landing.put_unreadable(run.topic.name, _unreadable(batch))
        with steps.step("append"):
            _append(lake, batch, planned.start)
        with steps.step("prove"):
            chain = lake.chain()
            content = _prove(run, chain, _own(chain, planned.start, batch.end), batch.readable)
    finally:
        batch.rows.unpersist()
    gone = plan(objects, batch.end).delete
    _delete(run, gone)
    return _told(run, batch, planned, content, unreadable=unreadable, deleted=len(gone), foreign=len(foreign))


def newest_fold(chain: Collection[Snapshot]) -> Snapshot | None:
    """The newest snapshot that carries positions; `chain` goes from the newest snapshot back."""
    return next((snapshot for snapshot in chain if CONSUMED in snapshot.summary), None)


def positions(snapshot: Snapshot | None) -> dict[int, int]:
    """The positions that a snapshot carries; none before the first fold. Raises BadInput."""
    return from_text(snapshot.summary[CONSUMED]) if snapshot is not None else {}


def _read(run: _Run, planned: Plan) -> _Batch:
    lake = run.lake
    with run.steps.step("read"):
        rows = _decoded(run, planned.read, planned.start, None).persist(StorageLevel.DISK_ONLY)
        found = rows.groupBy("kafka_partition").agg(
            F.count("*").alias("n"), F.max("kafka_offset").alias("last"), F.sum(F.col("copies") - 1).alias("extra")
        )
        by_partition = {row["kafka_partition"]: row for row in found.collect()}
        reasons = rows.where(F.col("reason").isNotNull()).groupBy("reason").count().collect()
        end = dict(planned.start) | {partition: row["last"] + 1 for partition, row in by_partition.items()}
        counted = {partition: row["n"] for partition, row in by_partition.items()}
    gaps = _gaps(rows, planned.start) if missing(planned.start, end, counted) else ()
    for gap in gaps:
        log.warning("%s: never landed: %s", lake.name, gap)
    return _Batch(
        rows=rows,
        end=end,
        records=counted,
        duplicates=sum(row["extra"] for row in by_partition.values()),
        reasons={row["reason"]: row["count"] for row in reasons},
        gaps=gaps,
    )


def _decoded(run: _Run, objects: Collection[LandedObject], start: Positions, end: Positions | None) -> DataFrame:
    spec = run.table
    landed = records(run.lake.spark, run.landing, tuple(objects), start, end)
    decoded = decode(landed, spec.schema, spec.time_zone)
    raw = F.when(F.col("reason").isNotNull(), F.col("source.value")).alias("raw")
    return decoded.select(*table_type(spec).names, "reason", raw, F.col("source.copies").alias("copies"))


def _gaps(rows: DataFrame, start: Positions) -> tuple[Gap, ...]:
    """The first stretches of offsets without a record."""
    in_order = Window.partitionBy("kafka_partition").orderBy("kafka_offset")
    begin = F.create_map(*(F.lit(word) for pair in start.items() for word in pair))
    expected = F.coalesce(F.lag("kafka_offset").over(in_order) + 1, begin[F.col("kafka_partition")])
    found = (
        rows.select("kafka_partition", "kafka_offset", expected.alias("expected"))
        .where(F.col("kafka_offset") > F.col("expected"))
        .orderBy("kafka_partition", "kafka_offset")
        .limit(_SHOWN_GAPS)
        .collect()
    )
    return tuple(
        Gap(partition=row["kafka_partition"], first=row["expected"], last=row["kafka_offset"] - 1) for row in found
    )


def _unreadable(batch: _Batch) -> Iterator[Unreadable]:
    if not batch.reasons:
        return
    columns = ("kafka_partition", "kafka_offset", F.unix_millis("kafka_timestamp").alias("millis"), "raw", "reason")
    rows = batch.rows.where(F.col("reason").isNotNull()).select(*columns).orderBy("kafka_partition", "kafka_offset")
    for row in rows.toLocalIterator():
        yield Unreadable(
            partition=row["kafka_partition"],
            offset=row["kafka_offset"],
            timestamp=row["millis"],
            value=bytes(row["raw"] or b""),
            reason=row["reason"],
        )


def _append(lake: LakeTable, batch: _Batch, start: Positions) -> None:
    # A file a day, its rows in the order that questions about one facility come in.
    rows = batch.readable.repartition("event_date").sortWithinPartitions("event_date", "facility_id", "event_time")
    summary = {CONSUMED: to_text(batch.end), CONSUMED_FROM: to_text(start)}
    writer = rows.writeTo(lake.name)
    for key, value in summary.items():
        writer = writer.option(f"snapshot-property.{key}", value)
    writer.append()


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
        run.lake.set_property(PROVEN_FOLD, str(last.id))
        return
    start, end = from_text(last.summary[CONSUMED_FROM]), positions(last)
    of_it = [landed for landed in objects if landed.last >= start.get(landed.partition, 0)]
    of_it = [landed for landed in of_it if landed.first < end.get(landed.partition, 0)]
    rows = _decoded(run, of_it, {**{landed.partition: 0 for landed in of_it}, **start}, end)
    expected = rows.where(F.col("reason").isNull()).drop(*_ASIDE)
    landed_rows, appended = expected.count(), last.number("added-records")
    if landed_rows < appended:
        # Without their originals the rows are all there is of these grades.
        raise ProofFailed(
            f"snapshot {last.id} appended {appended:,} rows to {run.lake.name} and was never proven, and only "
            f"{landed_rows:,} of them are still in the landing: somebody else has deleted there. Nothing is changed; "
            f"put the objects back, or set the table's property {PROVEN_FOLD} to '{last.id}' to keep the rows"
        )
    _prove(run, chain, last, expected)


def _prove(run: _Run, chain: list[Snapshot], own: Snapshot, expected: DataFrame) -> Content:
    """Compare what `own` appended with `expected`, by facility and day; take it out again when they differ.

    Raises ProofFailed after that.
    """
    lake = run.lake
    older = chain[chain.index(own) + 1 :]
    before = newest_fold(older)
    wanted, found = lake.content_of(expected), lake.content_of(lake.added(own))
    wrong = moved_between(positions(before), from_text(own.summary[CONSUMED_FROM])) if before else []
    wrong += differences(wanted, found)
    if not wrong:
        lake.set_property(PROVEN_FOLD, str(own.id))
        return found
    back = to_text(positions(before)) if before else to_text({})
    lake.take_out(own, {TAKES_OUT: str(own.id), CONSUMED: back, CONSUMED_FROM: back})
    taken = newest_fold(lake.chain())
    lake.set_property(PROVEN_FOLD, str(taken.id) if taken else "")
    raise ProofFailed(
        f"what snapshot {own.id} appended to {lake.name} is not what had landed, so it is taken out again and the "
        f"positions are {back}; nothing that landed was deleted: {shortened(wrong)}"
    )


def _delete(run: _Run, objects: Collection[LandedObject]) -> None:
    if objects:
        with run.steps.step("delete what is consumed"):
            run.landing.delete(tuple(objects))


def _nothing(run: _Run, planned: Plan, foreign: int) -> Folded:
    return Folded(
        table=run.table.name,
        topic=run.topic.name,
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
    run: _Run, batch: _Batch, planned: Plan, content: Content, *, unreadable: int, deleted: int, foreign: int
) -> Folded:
    sums = total(content)
    facilities = len({facility for _, facility in content})
    lost = missing(planned.start, batch.end, batch.records)
    verdict = f"folded {len(planned.read):,} objects, {sums.rows:,} rows of {facilities:,} facilities"
    if unreadable:
        verdict += f"; {unreadable:,} unreadable records set aside"
    if lost:
        verdict += f"; {lost:,} records never landed: {shortened(map(str, batch.gaps))}"
    return Folded(
        table=run.table.name,
        topic=run.topic.name,
        folded=True,
        rows=sums.rows,
        days=tuple(sorted({day for day, _ in content})),
        facilities=facilities,
        hash=str(sums.hash),
        duplicates=batch.duplicates,
        unreadable=unreadable,
        reasons=batch.reasons,
        missing=lost,
        gaps=tuple(map(str, batch.gaps)),
        positions=batch.end,
        objects=len(planned.read),
        objects_deleted=deleted,
        foreign=foreign,
        seconds=run.steps.seconds,
        started_at=run.started_at,
        verdict=verdict,
    )
