"""What a night asks of an engine: tables and landed records, however they are read, sorted and committed.

Two engines do it: Spark on YARN (`soh_spark`), and columns in a process of their own (`soh.columns`). What is decided,
proven and told is the same for both, and stands beside this module.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from soh.lake.compaction import DataFile, Snapshot
from soh.lake.content import Content
from soh.lake.folding import Gap, Positions
from soh.lake.landing import Unreadable
from soh.specs import TableSpec, ViewSpec
from soh.specs.landing import LandedObject
from soh.specs.tables import StoredSpec

SORTED_BY = ("facility_id", "event_time", "kafka_partition", "kafka_offset")
"""Order of the rows in a packed file: that in which questions about one facility come, then by place in Kafka."""


class Table(Protocol):
    """One table of the lake, and the commits to it. Every read shows what live writers have committed meanwhile."""

    @property
    def spec(self) -> StoredSpec: ...

    @property
    def name(self) -> str:
        """As people know it: `catalog.namespace.table`."""

    def exists(self) -> bool: ...

    def chain(self) -> list[Snapshot]:
        """Snapshots from the current one back to the oldest that has not expired."""

    def files(self, day: date) -> list[DataFile]:
        """Data files of `day` at the current snapshot."""

    def digest(self, snapshot: int, day: date) -> str:
        """Of the names of the data files of `day` at `snapshot`: with the same files the rows are the same."""

    def rows_by_day(self, snapshot: int, days: Collection[date]) -> dict[date, int]:
        """How many rows of `days` there are at `snapshot`, by the table's own metadata: no data file is read."""

    def days_of(self, rewrite: Snapshot) -> frozenset[date]:
        """Days of the files that `rewrite` added or removed."""

    def contents(self, snapshots: Collection[int], days: Collection[date]) -> dict[int, Content]:
        """What `days` hold at each of `snapshots`, compared over the columns that all of them have."""

    def added(self, snapshot: Snapshot) -> Content:
        """What an append has added."""

    def duplicates(self, snapshot: int, day: date) -> int:
        """Rows of `day` beyond the first of each Kafka record."""

    def read_property(self, key: str) -> str | None:
        """A property of the table as it is at this moment."""

    def write_property(self, key: str, value: str) -> None: ...

    def rewrite(self, day: date) -> None:
        """Commit one replacement of the small files of `day` by few, sorted ones; nothing where there is none.

        Raises RewriteConflict when other writers were always faster, ProofFailed when what was written is seen to
        differ before it is committed.
        """

    def put_back(self, rewrite: Snapshot) -> None:
        """Commit the inverse of `rewrite`: its files out, those that it removed in, everything else as it is.

        Needs the removed files in the store, where they stay until their snapshots expire. Raises RewriteConflict
        when the files of `rewrite` are no longer in the table, or another writer was faster.
        """

    def take_out(self, append: Snapshot, summary: Mapping[str, str]) -> None:
        """Commit a removal of the files that `append` added, with `summary`; everything else stays as it is."""

    def rewrite_manifests(self) -> None:
        """Pack the manifests: a stream adds one with every commit, and every commit lists them all."""

    def expire(self, cutoff: datetime, keep: int) -> None:
        """Let snapshots from before `cutoff` go but for the newest `keep`, with the files that only they need."""


class Batch(Protocol):
    """What one fold takes in, read once."""

    @property
    def last(self) -> Mapping[int, int]:
        """By partition the greatest offset."""

    @property
    def records(self) -> Mapping[int, int]:
        """By partition the number of distinct offsets."""

    @property
    def duplicates(self) -> int:
        """Records that were in more than one object, beyond the first of each."""

    @property
    def reasons(self) -> Mapping[str, int]:
        """Why records are unreadable, and how many of each."""

    def gaps(self, start: Positions, at_most: int) -> tuple[Gap, ...]:
        """The first stretches of offsets without a record."""

    def unreadable(self) -> Iterator[Unreadable]:
        """In the order of partitions and offsets."""

    def content(self) -> Content:
        """Of the readable rows."""

    def append(self, summary: Mapping[str, str]) -> None:
        """Commit the readable rows to the table, with `summary`, a sorted file a day; a commit without rows too."""

    def close(self) -> None: ...


class Summary(Protocol):
    """Days of a table by facility and hour, read once at one snapshot, and the views that follow."""

    @property
    def counted(self) -> Mapping[date, int]:
        """Rows of the table that were read, by day."""

    def held(self, view: ViewSpec) -> tuple[int, int]:
        """How many rows the view has for the days, and how many of the table they count."""

    def differs(self, view: ViewSpec) -> bool:
        """Whether the view's rows are others than they should be; means may differ in the last bits."""

    def write(self, view: ViewSpec, summary: Mapping[str, str]) -> None:
        """Replace the days of the view, and no others, in one commit with `summary`."""

    def close(self) -> None: ...


class Engine(Protocol):
    """Opens what a night works on."""

    def table(self, spec: TableSpec | ViewSpec) -> Table: ...

    def ensure(self, spec: TableSpec | ViewSpec) -> None:
        """Create the table, or add what its declaration has gained since; raises TableConflict."""

    def read_landed(
        self, spec: TableSpec, objects: Sequence[LandedObject], start: Positions, end: Positions | None
    ) -> Batch:
        """Records of `objects` from `start` on, up to `end` where it is given, decoded by the schema of `spec`."""

    def summarise(self, view: ViewSpec, snapshot: int, days: Collection[date]) -> Summary:
        """Read what `view` is of at `snapshot`, for it and for whatever other views are of the same table."""
