"""What every store of the platform holds once nothing is sent any more, and what must be equal then."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.end_to_end.faults import unread
from tests.end_to_end.scratch import RECOVERY, Platform, wait_for

from soh.kafka.history import history
from soh.specs import FLEETS, STREAMS, FleetSpec, TableSpec
from soh.specs.groups import SCORES_TO_S3, SCORES_TO_TSDB

Place = tuple[int, int]
"""Partition and offset."""
Row = tuple[int, int, int, int]
"""Facility, seq, partition and offset."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """Everything that is known of one fleet."""

    sent: set[Place]
    """Readings that Kafka has."""
    past_ends: Mapping[int, int]
    """By partition, where the fleet's history ends."""
    rows: Counter[Row]
    """Readings in the lake."""
    scores: Mapping[Place, dict[str, Any]]
    """Grades that Kafka has."""
    points: Sequence[dict[str, Any]]
    """Grades in the time-series database."""
    landed: Mapping[Place, list[dict[str, Any]]]
    """Grades on S3, with the different things that are said of each."""
    folded: Counter[Row]
    """Grades that nights have brought from there into their table."""


def count_all(platform: Platform) -> dict[str, Count]:
    """Stop all fleets at once, wait until everything sent has arrived everywhere, count, and start them again."""
    services = [name for name in platform.supervisor.states() if name.startswith("fleet-")]
    fleets = [fleet for fleet in FLEETS.values() if f"fleet-{fleet.name}" in services]
    platform.stop_services(*services)
    try:
        wait_for(lambda: not _on_the_way(platform, fleets), RECOVERY, "everything sent to be read by every reader")
        return _counted(platform, fleets)
    finally:
        platform.start_services(*services)


def _on_the_way(platform: Platform, fleets: Sequence[FleetSpec]) -> dict[str, int]:
    """Unread records by reader, of the readers that have any; those of grades once there are no more to come."""
    readings, scores = {fleet.readings for fleet in fleets}, {fleet.scores.name for fleet in fleets}
    readers = {
        stream.name
        for stream in STREAMS.values()
        if stream.reads in readings and (isinstance(stream.writes, TableSpec) or stream.writes.name in scores)
    }
    lags = {stream["name"]: stream["lag"] for stream in platform.status()["streams"] if stream["name"] in readers}
    if not any(lag != 0 for lag in lags.values()):
        lags = {group.name: unread(platform, group, scores) for group in (SCORES_TO_TSDB, SCORES_TO_S3)}
    return {name: lag for name, lag in lags.items() if lag != 0}


def _counted(platform: Platform, fleets: Sequence[FleetSpec]) -> dict[str, Count]:
    # A fold that runs meanwhile takes from the landing what it has put into the table: looked at in this order, a
    # grade is in both, never in neither.
    landed = {fleet.name: platform.landed(fleet) for fleet in fleets}
    with ThreadPoolExecutor() as pool:
        tables = [table.name for fleet in fleets for table in (fleet.table, fleet.grades_table)]
        rows = pool.submit(platform.lake_rows, *tables)
        records = {fleet.name: pool.submit(platform.kafka_records, fleet.readings.name) for fleet in fleets}
        scores = {fleet.name: pool.submit(platform.scores_by_place, fleet) for fleet in fleets}
        points = {fleet.name: pool.submit(platform.points, fleet) for fleet in fleets}
        return {
            fleet.name: Count(
                sent={
                    (record.partition(), record.offset())
                    for record in records[fleet.name].result()
                    if record.key() != b"poison"
                },
                past_ends=history(platform.home.endpoints.kafka, fleet, fleet.readings.name).ends,
                rows=rows.result()[fleet.table.name],
                scores=scores[fleet.name].result(),
                points=points[fleet.name].result(),
                landed=landed[fleet.name],
                folded=rows.result()[fleet.grades_table.name],
            )
            for fleet in fleets
        }


def assert_each_once(count: Count) -> None:
    """What Kafka acknowledged is in the lake, graded, in the database and on S3, each once, and nothing else is."""
    places = Counter((partition, offset) for (_, _, partition, offset), n in count.rows.items() for _ in range(n))
    assert {place: n for place, n in places.items() if n > 1} == {}, "rows that are in the lake twice"
    assert set(places) - count.sent == set(), "rows that Kafka does not have"
    assert count.sent - set(places) == set(), "records that are not in the lake"
    graded = defaultdict(list)
    for score in count.scores.values():
        graded[score["source_partition"], score["source_offset"]].append(score)
    # What a fleet sent of the time before its first start is archived, not graded.
    present = {(partition, offset) for partition, offset in count.sent if offset >= count.past_ends[partition]}
    assert 0 < len(present) < len(count.sent)
    assert present - set(graded) == set(), "readings that are not graded"
    assert set(graded) - present == set(), "grades of the past, or of readings that Kafka does not have"
    # A batch cut off by a fault is repeated: what it says the second time must be what it said the first time.
    assert [place for place, said in graded.items() if any(score != said[0] for score in said)] == []
    written = Counter((int(point["sensor_id"]), point["seq"]) for point in count.points)
    assert {key: n for key, n in written.items() if n > 1} == {}, "grades that are in the database twice"
    in_the_lake = {(row[0], row[1]) for row in count.rows if (row[2], row[3]) in present}
    assert set(written) == in_the_lake, "the database and the lake differ"
    # Made unique by partition and offset, S3 has what the topic of the grades has: no more, no less, nothing else.
    assert {row: n for row, n in count.folded.items() if n > 1} == {}, "grades that were folded twice"
    on_s3 = set(count.landed) | {(partition, offset) for _, _, partition, offset in count.folded}
    assert count.folded, "no night has folded anything"
    twofold = {place: said for place, said in count.landed.items() if len(said) > 1}
    assert twofold == {}, "records that landed as two things"
    assert on_s3 - set(count.scores) == set(), "records on S3 that Kafka does not have"
    assert set(count.scores) - on_s3 == set(), "grades that did not land"
    assert {place: value for place, (value,) in count.landed.items() if value != count.scores[place]} == {}
    seqs_on_s3 = {(value["sensor_id"], value["seq"]) for (value,) in count.landed.values()}
    seqs_on_s3 |= {(facility, seq) for facility, seq, _, _ in count.folded}
    assert seqs_on_s3 == set(written), "S3 and the database differ"
    for facility in {row[0] for row in count.rows}:
        seqs = sorted(seq for f, seq, _, _ in count.rows if f == facility)
        assert seqs == list(range(len(seqs))), f"facility {facility}: seq is not 0, 1, 2, ... each once"
