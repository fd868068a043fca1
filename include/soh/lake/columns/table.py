"""One Iceberg table, read as columns and committed to through Iceberg's own interface."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import jpype
import polars as pl

from soh.errors import RewriteConflict, ServerUnreachable, TableConflict
from soh.lake.columns.files import File, delete_files, must_hold, read_file, write_file
from soh.lake.columns.hashing import content
from soh.lake.columns.jvm import ATTEMPTS, iceberg, java, retry_conflicts, told
from soh.lake.columns.looks import Looks, Reader, add
from soh.lake.compaction import SMALL_SHARE, UNDOES, DataFile, Snapshot
from soh.lake.content import Content, Sums, digest_of
from soh.lake.engine import SORTED_BY
from soh.lake.schema import Column, columns_of, properties
from soh.specs import TableSpec, ViewSpec
from soh.specs.tables import NAMESPACE

log = logging.getLogger(__name__)

_LARGE_SHARE = 1.8
"""A file above this share of the target size is written anew as well; Iceberg's own planner draws the same line."""

_TYPES = {
    "long": "bigint",
    "double": "double",
    "string": "string",
    "timestamptz": "timestamp",
    "date": "date",
    "int": "int",
}
"""Iceberg's names of the types that the lake has, and those of SQL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsTable:
    """A `soh.lake.engine.Table` on columns."""

    catalog: Any
    spec: TableSpec | ViewSpec
    looks: Looks = field(default_factory=Looks)

    @property
    def name(self) -> str:
        return self.spec.identifier

    def exists(self) -> bool:
        with told(f"looking for {self.name}"):
            return bool(self.catalog.tableExists(self._identifier))

    def load(self) -> Any:
        """The table in Iceberg's own interface, with the metadata of this moment."""
        with told(f"loading {self.name}"):
            return self.catalog.loadTable(self._identifier)

    def chain(self) -> list[Snapshot]:
        metadata = json.loads(str(iceberg().TableMetadataParser.toJson(self.load().operations().current())))
        by_id = {snapshot["snapshot-id"]: snapshot for snapshot in metadata.get("snapshots", ())}
        chain = []
        found = by_id.get(metadata.get("current-snapshot-id"))
        while found is not None:
            summary = dict(found["summary"])
            chain.append(
                Snapshot(
                    id=found["snapshot-id"],
                    parent=found.get("parent-snapshot-id"),
                    committed_at=datetime.fromtimestamp(found["timestamp-ms"] / 1000, tz=UTC),
                    operation=summary.pop("operation"),
                    summary=summary,
                )
            )
            found = by_id.get(found.get("parent-snapshot-id"))
        return chain

    def files(self, day: date) -> list[DataFile]:
        return [DataFile(size=file.size, rows=file.rows) for file in self.files_at(None, [day])]

    def files_at(self, snapshot: int | None, days: Collection[date]) -> list[File]:
        """Data files of `days` at a snapshot, or at the current one."""
        table = self.load()
        if table.currentSnapshot() is None:
            return []
        return _planned(table, snapshot, days)

    def all_files(self) -> list[File]:
        """Data files of all days at the current snapshot."""
        table = self.load()
        if table.currentSnapshot() is None:
            return []
        return _listed(table, table.newScan())

    def digest(self, snapshot: int, day: date) -> str:
        return digest_of(file.path for file in self.files_at(snapshot, [day]))

    def rows_by_day(self, snapshot: int, days: Collection[date]) -> dict[date, int]:
        rows: dict[date, int] = {}
        for file in self.files_at(snapshot, days):
            rows[file.day] = rows.get(file.day, 0) + file.rows
        return rows

    def days_of(self, rewrite: Snapshot) -> frozenset[date]:
        changes = _changes(self.load(), rewrite)
        return frozenset(
            File.of(file).day for files in (changes.addedDataFiles(), changes.removedDataFiles()) for file in files
        )

    def contents(self, snapshots: Collection[int], days: Collection[date]) -> dict[int, Content]:
        table = self.load()
        schemas = [iceberg().util.SnapshotUtil.schemaFor(table, jpype.JLong(snapshot)) for snapshot in snapshots]
        common = set.intersection(*({str(column.name()) for column in schema.columns()} for schema in schemas))
        names = [column.name for column in self.columns(table) if column.name in common]
        return {
            snapshot: self.looks.content(_planned(table, snapshot, days), names, self.spec, self.reader(table))
            for snapshot in snapshots
        }

    def added(self, snapshot: Snapshot) -> Content:
        table = self.load()
        files = [File.of(file) for file in _changes(table, snapshot).addedDataFiles()]
        return self.looks.content(files, self._names(table), self.spec, self.reader(table))

    def duplicates(self, snapshot: int, day: date) -> int:
        table = self.load()
        return self.looks.duplicates(_planned(table, snapshot, [day]), self.spec, self.reader(table))

    def read_property(self, key: str) -> str | None:
        value = self.load().properties().get(key)
        return None if value is None else str(value)

    def write_property(self, key: str, value: str) -> None:
        table = self.load()
        retry_conflicts(f"{key} of {self.name}", lambda: table.updateProperties().set(key, value).commit())

    def columns(self, table: Any) -> list[Column]:
        """Columns that the table has, in their order."""
        return [Column(name=str(column.name()), type=_TYPES[str(column.type())]) for column in table.schema().columns()]

    def rewrite(self, day: date) -> None:
        for _ in range(ATTEMPTS):
            table = self.load()
            files = _planned(table, None, [day])
            target = self.spec.target_file_size
            chosen = [file for file in files if not SMALL_SHARE * target <= file.size <= _LARGE_SHARE * target]
            if len(chosen) < self._enough:
                return
            sequence = table.currentSnapshot().sequenceNumber()
            head = table.currentSnapshot().snapshotId()
            written = self._pack(table, day, chosen)
            change = table.newRewrite().validateFromSnapshot(head).dataSequenceNumber(sequence)
            for file in chosen:
                change.deleteFile(file.java)
            for file in written:
                change.addFile(file.java)
            try:
                with told(f"packing {day} of {self.name}"):
                    change.commit()
            except RewriteConflict as error:
                log.warning("%s", error)
                delete_files(table.io(), written)
            else:
                log.info("%s files rewritten into %s", len(chosen), len(written))
                return
        raise RewriteConflict(
            f"{self.name} on {day}: other writers committed first, {ATTEMPTS} times; nothing is changed. Look for a "
            "second compaction"
        )

    @property
    def _enough(self) -> int:
        return self.spec.small_files if isinstance(self.spec, TableSpec) else 2

    def _pack(self, table: Any, day: date, chosen: Sequence[File]) -> list[File]:
        """Write what the chosen files hold into new ones, sorted, each read again and found to hold the same."""
        columns, names = self.columns(table), self._names(table)
        totals: dict[str, dict[tuple[date, int], Sums]] = {file.path: {} for file in chosen}
        written: list[File] = []
        try:
            for first, last in self._ranges(table, chosen):
                rows: list[pl.DataFrame] = []
                wanted: dict[tuple[date, int], Sums] = {}
                for file in chosen:
                    read = read_file(table.io(), file, columns)
                    if (first, last) != (None, None):
                        read = read.filter(pl.col("facility_id").is_between(first, last))
                    held = content(read, names)
                    add(totals[file.path], held)
                    add(wanted, held)
                    rows.append(read)
                packed = write_file(table, day, pl.concat(rows).sort(SORTED_BY, nulls_last=False), columns)
                written.append(packed)
                del rows
                must_hold([packed], wanted, self.looks.content([packed], names, self.spec, self.reader(table)))
        except ServerUnreachable:
            # What was written stays behind, in no commit: a store that is away deletes nothing either.
            raise
        except BaseException:
            delete_files(table.io(), written)
            raise
        for path, total in totals.items():
            self.looks.contents[path, tuple(names)] = total
        return written

    def _ranges(self, table: Any, chosen: Sequence[File]) -> list[tuple[int | None, int | None]]:
        """Facilities that go into one file each, first and last: memory is bounded by the size of a file."""
        size, rows = sum(file.size for file in chosen), sum(file.rows for file in chosen)
        parts = max(1, round(size / self.spec.target_file_size))
        if parts == 1:
            return [(None, None)]
        found = pl.concat(read_file(table.io(), file, self.columns(table), only=("facility_id",)) for file in chosen)
        counts = found.group_by("facility_id").len().sort("facility_id").rows()
        ranges: list[tuple[int | None, int | None]] = []
        first, held = counts[0][0], 0
        for place, (facility, count) in enumerate(counts):
            held += count
            if held >= rows / parts or place == len(counts) - 1:
                ranges.append((first, facility))
                first, held = counts[place + 1][0] if place + 1 < len(counts) else None, 0
        return ranges

    def append(self, files: Collection[File], summary: Mapping[str, str]) -> None:
        """Commit files that were written, with `summary`; without any, a commit of the summary alone."""
        change = self.load().newAppend()
        for file in files:
            change.appendFile(file.java)
        self._commit(change, summary, f"appending to {self.name}")

    def replace_days(self, days: Collection[date], files: Collection[File], summary: Mapping[str, str]) -> None:
        """Commit files that were written in the place of whatever there is of `days`."""
        change = self.load().newOverwrite().overwriteByRowFilter(_of_days(days))
        for file in files:
            change.addFile(file.java)
        self._commit(change, summary, f"replacing days of {self.name}")

    def take_out(self, append: Snapshot, summary: Mapping[str, str]) -> None:
        table = self.load()
        removal = table.newDelete()
        for file in _changes(table, append).addedDataFiles():
            removal.deleteFile(file)
        self._commit(removal.validateFilesExist(), summary, f"taking snapshot {append.id} out of {self.name}")

    def put_back(self, rewrite: Snapshot) -> None:
        table = self.load()
        changes = _changes(table, rewrite)
        # Two snapshots in one commit, because no single operation will do: Iceberg refuses a rewrite that adds
        # more rows than it removes, and an overwrite does not notice when what it removes is gone already.
        both = table.newTransaction()
        removal = both.newDelete()
        for file in changes.addedDataFiles():
            removal.deleteFile(file)
        with told(f"putting back what rewrite {rewrite.id} of {self.name} removed"):
            removal.validateFilesExist().commit()
            addition = both.newFastAppend()
            for file in changes.removedDataFiles():
                addition.appendFile(file)
            addition.set(UNDOES, str(rewrite.id)).commit()
            both.commitTransaction()

    def rewrite_manifests(self) -> None:
        # One group of all: as many manifests as their sizes ask for, and no more.
        group = jpype.JProxy("java.util.function.Function", dict={"apply": lambda _: "all"})
        retry_conflicts(f"manifests of {self.name}", lambda: self.load().rewriteManifests().clusterBy(group).commit())

    def expire(self, cutoff: datetime, keep: int) -> None:
        table = self.load()
        millis = jpype.JLong(int(cutoff.timestamp() * 1000))
        expiry = table.expireSnapshots().expireOlderThan(millis).retainLast(keep)
        # By itself it judges by what an expired snapshot removed, and would take files that an undo has put back;
        # the other way, which looks at what is still reached, can only be asked for inside its package.
        by_reach = expiry.getClass().getDeclaredMethod("withIncrementalCleanup", java("java").lang.Boolean.TYPE)
        by_reach.setAccessible(True)
        by_reach.invoke(expiry, jpype.JBoolean(False))
        with told(f"expiring snapshots of {self.name}"):
            expiry.commit()

    def ensure(self, location: str | None) -> None:
        """Create the table in the folder at `location` (None: the catalog's own), or add what it lacks.

        Raises TableConflict for a column of another type than declared.
        """
        identifier = self._identifier
        with told(f"making {self.name}"):
            if not self.catalog.namespaceExists(identifier.namespace()):
                self.catalog.createNamespace(identifier.namespace())
            if not self.catalog.tableExists(identifier):
                self._create(location)
                return
        table = self.load()
        there = {column.name: column.type for column in self.columns(table)}
        change, after, missing = table.updateSchema(), None, False
        for column in columns_of(self.spec):
            found = there.get(column.name)
            if found is None:
                missing = True
                change.addColumn(column.name, _java_type(column), column.comment or None)
                change = change.moveFirst(column.name) if after is None else change.moveAfter(column.name, after)
            elif found != column.type:
                raise TableConflict(
                    f"column {column.name} of {self.name} is {found}, but is declared as {column.type}; "
                    f"give the field a new name in soh.specs.schemas, or change the table by hand"
                )
            after = column.name
        if missing:
            with told(f"adding columns to {self.name}"):
                change.commit()
        settings = {str(key): str(value) for key, value in table.properties().items()}
        wanted = {key: value for key, value in properties(self.spec).items() if key != "format-version"}
        if differing := {key: value for key, value in wanted.items() if settings.get(key) != value}:
            update = self.load().updateProperties()
            for key, value in differing.items():
                update.set(key, value)
            with told(f"setting properties of {self.name}"):
                update.commit()

    def _create(self, location: str | None) -> None:
        fields = jpype.java.util.ArrayList()
        for number, column in enumerate(columns_of(self.spec), start=1):
            kinds = iceberg().types.Types.NestedField
            fields.add(kinds.optional(number, column.name, _java_type(column), column.comment or None))
        schema = iceberg().Schema(fields)
        builder = self.catalog.buildTable(self._identifier, schema)
        builder = builder.withPartitionSpec(iceberg().PartitionSpec.builderFor(schema).identity("event_date").build())
        for key, value in {**properties(self.spec), "comment": self.spec.description}.items():
            builder = builder.withProperty(key, value)
        (builder.withLocation(location) if location else builder).create()

    def _commit(self, change: Any, summary: Mapping[str, str], what: str) -> None:
        for key, value in summary.items():
            change.set(key, value)
        with told(what):
            change.commit()

    def _names(self, table: Any) -> list[str]:
        return [column.name for column in self.columns(table)]

    def reader(self, table: Any) -> Reader:
        """How one of the table's files is read whole."""
        columns = self.columns(table)
        return lambda file: read_file(table.io(), file, columns)

    @property
    def _identifier(self) -> Any:
        return iceberg().catalog.TableIdentifier.of(NAMESPACE, self.spec.name)


def _planned(table: Any, snapshot: int | None, days: Collection[date]) -> list[File]:
    scan = table.newScan().filter(_of_days(days))
    if snapshot is not None:
        scan = scan.useSnapshot(jpype.JLong(snapshot))
    return _listed(table, scan)


def _listed(table: Any, scan: Any) -> list[File]:
    with told(f"listing files of {table.name()}"):
        tasks = scan.planFiles()
        try:
            found = [File.of(task.file()) for task in tasks]
        finally:
            tasks.close()
    # A filter on the partition is exact for whole files; large ones come in one task here, not in splits.
    return sorted(found, key=lambda file: file.path)


def _of_days(days: Collection[date]) -> Any:
    expressions = iceberg().expressions.Expressions
    found = expressions.alwaysFalse()
    for day in days:
        found = expressions.or_(found, expressions.equal("event_date", str(day)))
    return found


def _changes(table: Any, snapshot: Snapshot) -> Any:
    return iceberg().SnapshotChanges.builderFor(table).snapshot(table.snapshot(jpype.JLong(snapshot.id))).build()


def _java_type(column: Column) -> Any:
    types = iceberg().types.Types
    return {
        "bigint": types.LongType.get,
        "double": types.DoubleType.get,
        "string": types.StringType.get,
        "timestamp": types.TimestampType.withZone,
        "date": types.DateType.get,
        "int": types.IntegerType.get,
    }[column.type]()
