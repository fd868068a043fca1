"""Iceberg tables of the lake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from soh.errors import BadDeclaration
from soh.specs import schemas
from soh.specs._names import by_name, check_name
from soh.specs.schemas import Field, FieldType, RecordSchema

CATALOG = "lake"
NAMESPACE = "soh"

SEOUL = "Asia/Seoul"


class Store(StrEnum):
    """Where a table's files are."""

    HDFS = "hdfs"
    S3 = "s3"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSpec:
    """What everything in the lake has: a name in the catalog, files in a store, snapshots for a while."""

    name: str
    description: str
    store: Store = Store.HDFS
    target_file_size: int = 128 * 1024 * 1024
    """Bytes; what compaction packs small files up to."""
    keep_snapshots: timedelta = timedelta(days=1)

    def __post_init__(self) -> None:
        check_name("table", self.name)
        if self.target_file_size < 1:
            raise BadDeclaration(f"table {self.name}: target_file_size must be at least 1 byte")

    @property
    def identifier(self) -> str:
        """`catalog.namespace.table`, as Spark SQL names it."""
        return f"{CATALOG}.{NAMESPACE}.{self.name}"

    def location(self, lake_bucket: str) -> str | None:
        """Folder of the table's files as a URI, in `lake_bucket` (`s3://bucket`); None leaves it to the catalog."""
        return f"{lake_bucket}/warehouse/{NAMESPACE}/{self.name}" if self.store is Store.S3 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec(StoredSpec):
    """One table: the fields of a record schema, the record's place in Kafka, and its local day.

    Beside the schema's columns every table has `event_date` (date, in `time_zone`; the partition),
    `kafka_partition` (int), `kafka_offset` (long) and `kafka_timestamp` (timestamp, UTC).
    """

    schema: RecordSchema
    time_zone: str = SEOUL
    small_files: int = 5
    """A day with fewer small files than this is left as it is."""

    def __post_init__(self) -> None:
        # Not super(): a slots dataclass is a new class, which the zero-argument form does not find.
        StoredSpec.__post_init__(self)
        try:
            ZoneInfo(self.time_zone)
        except (ValueError, ZoneInfoNotFoundError):
            raise BadDeclaration(f"table {self.name}: {self.time_zone!r} is not a time zone") from None
        if self.small_files < 2:
            raise BadDeclaration(f"table {self.name}: small_files must be at least 2")

    @property
    def columns(self) -> tuple[Field, ...]:
        """Fields of the schema, in the order of the table's columns."""
        return self.schema.fields


PLACE_COLUMNS = (
    ("event_date", "date"),
    ("kafka_partition", "int"),
    ("kafka_offset", "bigint"),
    ("kafka_timestamp", "timestamp"),
)
"""Name and SQL type of the columns that every table has after those of its schema."""

SQL_TYPES = {
    FieldType.LONG: "bigint",
    FieldType.DOUBLE: "double",
    FieldType.STRING: "string",
    FieldType.EPOCH_SECONDS: "timestamp",
}

HEAT_RAW = TableSpec(name="heat_raw", description="Every reading of the power facilities.", schema=schemas.HEAT_READING)
HEAT_INSPECTIONS = TableSpec(
    name="heat_inspections", description="Every inspection of the power facilities.", schema=schemas.HEAT_INSPECTION
)
HYDRAULIC_RAW = TableSpec(
    name="hydraulic_raw", description="Every reading of the test rig.", schema=schemas.HYDRAULIC_READING
)
HYDRAULIC_INSPECTIONS = TableSpec(
    name="hydraulic_inspections", description="Every grade of the test rig.", schema=schemas.HYDRAULIC_INSPECTION
)

HEAT_GRADES = TableSpec(
    name="heat_grades",
    description="Every grade of the power facilities, folded from its landing on S3.",
    schema=schemas.HEAT_SCORE,
    store=Store.S3,
    # A day is folded in two nights, its first minutes in the one before.
    small_files=2,
)
HYDRAULIC_GRADES = TableSpec(
    name="hydraulic_grades",
    description="Every grade of the hydraulic power units, folded from its landing on S3.",
    schema=schemas.HYDRAULIC_SCORE,
    store=Store.S3,
    small_files=2,
)

TABLES = by_name(
    HEAT_RAW,
    HEAT_INSPECTIONS,
    HEAT_GRADES,
    HYDRAULIC_RAW,
    HYDRAULIC_INSPECTIONS,
    HYDRAULIC_GRADES,
)
