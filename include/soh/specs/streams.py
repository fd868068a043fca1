"""Streams (one query, one checkpoint, one verdict) and the stream apps that run them on YARN."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from soh.errors import BadDeclaration
from soh.specs import fleets, tables, topics
from soh.specs._names import by_name, check_name
from soh.specs.apps import SparkAppSpec
from soh.specs.fleets import FleetSpec
from soh.specs.tables import TableSpec
from soh.specs.topics import TopicSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """One Structured Streaming query.

    A table as the target takes the readable records of the topic; a topic takes the unreadable ones, unless the
    stream is a ScoringStreamSpec.
    """

    name: str
    description: str
    reads: TopicSpec
    writes: TableSpec | TopicSpec
    trigger_every: timedelta = timedelta(seconds=10)
    stall_after: timedelta = timedelta(minutes=1)
    """Unread records and no commit for this long is a stall."""
    files_per_batch: int = 1

    def __post_init__(self) -> None:
        check_name("stream", self.name)
        if self.reads.schema is None:
            raise BadDeclaration(f"stream {self.name}: topic {self.reads.name} has no schema to read it by")
        if isinstance(self.writes, TableSpec) and self.writes.schema != self.reads.schema:
            raise BadDeclaration(f"stream {self.name}: {self.reads.name} and {self.writes.name} differ in schema")
        if self.stall_after < 2 * self.trigger_every:
            raise BadDeclaration(f"stream {self.name}: stall_after must be at least two triggers")

    def paced(self, pace: int) -> Self:
        """This stream with `pace` times as long between two batches, but never so long that it seems to stall."""
        return replace(self, trigger_every=min(pace * self.trigger_every, self.stall_after / 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringStreamSpec(StreamSpec):
    """A stream that grades every reading of a fleet within moments, without waiting for a watermark."""

    fleet: FleetSpec
    trigger_every: timedelta = timedelta(seconds=1)
    """A batch costs a third of a second of a core however few its readings are, so batch after batch would take all."""
    state_partitions: int = 1
    """Partitions of the state of the windows. The first start of the stream fixes it for ever."""

    def __post_init__(self) -> None:
        StreamSpec.__post_init__(self)
        if self.reads != self.fleet.readings or self.writes != self.fleet.scores:
            raise BadDeclaration(
                f"stream {self.name}: reads {self.reads.name} and writes {self.writes.name}; fleet {self.fleet.name} "
                f"has {self.fleet.readings.name} and {self.fleet.scores.name}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAppSpec(SparkAppSpec):
    """One driver on YARN that runs one or more streams; the death of any of them ends it."""

    streams: tuple[StreamSpec, ...]
    stable_after: timedelta = timedelta(minutes=10)
    """A lifetime this long forgives the failures before it."""
    first_backoff: timedelta = timedelta(seconds=10)
    longest_backoff: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        # Not super(): a slots dataclass is a new class, which the zero-argument form does not find.
        SparkAppSpec.__post_init__(self)
        if not self.streams:
            raise BadDeclaration(f"stream app {self.name} runs no stream")

    @property
    def dag_id(self) -> str:
        return f"stream__{self.name}"


LETTERS_EVERY = timedelta(minutes=1)
"""Each record is decoded a second time for them, so that a backlog must not keep its readings from the lake."""

HEAT_TO_LAKE = StreamSpec(
    name="heat_to_lake",
    description="Append raw readings of the power facilities to the lake.",
    reads=topics.HEAT,
    writes=tables.HEAT_RAW,
    # Two tasks work off a backlog on two cores; half as many batches leave no more small files for that.
    trigger_every=timedelta(seconds=20),
    files_per_batch=2,
)
HEAT_DEAD_LETTERS = StreamSpec(
    name="heat_dead_letters",
    description="Set unreadable readings of the power facilities aside, with the reason.",
    reads=topics.HEAT,
    writes=topics.HEAT_DEAD,
    trigger_every=LETTERS_EVERY,
    stall_after=timedelta(minutes=3),
)
HEAT_INSPECTIONS_TO_LAKE = StreamSpec(
    name="heat_inspections_to_lake",
    description="Append inspections of the power facilities to the lake.",
    reads=topics.HEAT_INSPECTIONS,
    writes=tables.HEAT_INSPECTIONS,
    trigger_every=timedelta(seconds=30),
    stall_after=timedelta(minutes=2),
)
HYDRAULIC_TO_LAKE = StreamSpec(
    name="hydraulic_to_lake",
    description="Append raw readings of the test rig to the lake.",
    reads=topics.HYDRAULIC,
    writes=tables.HYDRAULIC_RAW,
)
HYDRAULIC_DEAD_LETTERS = StreamSpec(
    name="hydraulic_dead_letters",
    description="Set unreadable readings of the test rig aside, with the reason.",
    reads=topics.HYDRAULIC,
    writes=topics.HYDRAULIC_DEAD,
    trigger_every=LETTERS_EVERY,
    stall_after=timedelta(minutes=3),
)
HYDRAULIC_INSPECTIONS_TO_LAKE = StreamSpec(
    name="hydraulic_inspections_to_lake",
    description="Append the experimenters' grades to the lake.",
    reads=topics.HYDRAULIC_INSPECTIONS,
    writes=tables.HYDRAULIC_INSPECTIONS,
    trigger_every=timedelta(seconds=30),
    stall_after=timedelta(minutes=2),
)

LAKE = StreamAppSpec(
    name="lake",
    description="Archive every reading of every fleet in the lake, and set unreadable ones aside.",
    streams=(
        HEAT_TO_LAKE,
        HEAT_DEAD_LETTERS,
        HEAT_INSPECTIONS_TO_LAKE,
        HYDRAULIC_TO_LAKE,
        HYDRAULIC_DEAD_LETTERS,
        HYDRAULIC_INSPECTIONS_TO_LAKE,
    ),
    executor_cores=2,
)

HEAT_SCORING = ScoringStreamSpec(
    name="heat_scoring",
    description="Grade every reading of the power facilities and add its power factors.",
    fleet=fleets.HEAT,
    reads=topics.HEAT,
    writes=topics.HEAT_PF,
)
HYDRAULIC_SCORING = ScoringStreamSpec(
    name="hydraulic_scoring",
    description="Grade every reading of the test rig.",
    fleet=fleets.HYDRAULIC,
    reads=topics.HYDRAULIC,
    writes=topics.HYDRAULIC_SOH,
    # Few readings, each of which would cost a batch of its own, and of units that change over minutes.
    trigger_every=timedelta(seconds=2),
)

SCORING = StreamAppSpec(
    name="scoring",
    description="Grade the state of health of every facility from its last minute, by the champion of its fleet.",
    streams=(HEAT_SCORING, HYDRAULIC_SCORING),
    # One for each query: their tasks wait for disks and brokers rather than compute.
    executor_cores=2,
    # A batch of 5,000 facilities carries their windows, ten megabytes several times over, and little room is collected
    # again and again.
    executor_memory="1g",
    plans_all_the_time=True,
)

STREAM_APPS = by_name(LAKE, SCORING)
STREAMS = by_name(*(stream for app in STREAM_APPS.values() for stream in app.streams))
