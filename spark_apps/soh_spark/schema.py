"""Tables of the lake as Spark knows them: columns, DDL, and the way from an older declaration to today's."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from pyspark.sql import SparkSession
from pyspark.sql.types import (
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
    VariantType,
)

from soh.errors import TableConflict
from soh.lake.schema import Column, columns_of, properties
from soh.specs import FieldType, RecordSchema, TableSpec, ViewSpec
from soh.specs.tables import CATALOG, NAMESPACE, Store

LAKE_BUCKET = "spark.soh.lake"
"""The Spark setting that holds the bucket of the lake (`s3://bucket`)."""

log = logging.getLogger(__name__)

_WIRE_TYPES: Mapping[FieldType, DataType] = {
    FieldType.LONG: LongType(),
    FieldType.DOUBLE: DoubleType(),
    # Asked for a string, the JSON reader takes a number or a list as well; a variant keeps what it was.
    FieldType.STRING: VariantType(),
    FieldType.EPOCH_SECONDS: DoubleType(),
}

_TABLE_TYPES: Mapping[str, DataType] = {
    type_.simpleString(): type_
    for type_ in (LongType(), DoubleType(), StringType(), TimestampType(), DateType(), IntegerType())
}


def wire_type(schema: RecordSchema) -> StructType:
    """Type of a message: every accepted spelling of every field, all nullable."""
    return StructType(
        [StructField(spelling, _WIRE_TYPES[field.type]) for field in schema.fields for spelling in field.spellings]
    )


def table_type(table: TableSpec) -> StructType:
    """Columns of `table` in order, with their units as comments; all nullable."""
    return _type_of(columns_of(table))


def view_type(view: ViewSpec) -> StructType:
    """Columns of `view` in order, with their units as comments; all nullable."""
    return _type_of(columns_of(view))


def _type_of(columns: Iterable[Column]) -> StructType:
    return StructType(
        [StructField(column.name, _TABLE_TYPES[column.type], metadata=_comment(column.comment)) for column in columns]
    )


def create_statement(table: TableSpec | ViewSpec, location: str | None = None) -> str:
    """DDL that makes `table` as it is declared, and does nothing where a table of that name exists.

    `location` is the URI of its folder; None leaves it to the catalog.
    """
    columns = ", ".join(_column_ddl(column) for column in _type_of(columns_of(table)))
    settings = ", ".join(f"{_quoted(key)} = {_quoted(value)}" for key, value in properties(table).items())
    place = f"LOCATION {_quoted(location)} " if location else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {table.identifier} ({columns}) USING iceberg "
        f"PARTITIONED BY (event_date) {place}COMMENT {_quoted(table.description)} TBLPROPERTIES ({settings})"
    )


def alterations(table: TableSpec | ViewSpec, existing: StructType, settings: Mapping[str, str]) -> list[str]:
    """Statements that bring an existing table to its declaration; columns that are not declared stay.

    `existing` are its columns, `settings` its Iceberg properties. Raises TableConflict for a column of another type.
    """
    there = {column.name: column.dataType.simpleString() for column in existing}
    statements = []
    place = "FIRST"
    for column in _type_of(columns_of(table)):
        declared = column.dataType.simpleString()
        found = there.get(column.name)
        if found is None:
            statements.append(f"ALTER TABLE {table.identifier} ADD COLUMNS ({_column_ddl(column)} {place})")
        elif found != declared:
            raise TableConflict(
                f"column {column.name} of {table.identifier} is {found}, but is declared as {declared}; "
                f"give the field a new name in soh.specs.schemas, or change the table by hand"
            )
        place = f"AFTER `{column.name}`"
    if differing := {key: value for key, value in properties(table).items() if settings.get(key) != value}:
        pairs = ", ".join(f"{_quoted(key)} = {_quoted(value)}" for key, value in differing.items())
        statements.append(f"ALTER TABLE {table.identifier} SET TBLPROPERTIES ({pairs})")
    return statements


def ensure_table(spark: SparkSession, table: TableSpec | ViewSpec) -> None:
    """Create `table`, or add what its declaration has gained since; raises TableConflict."""
    spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.{NAMESPACE}")
    # Only a table on S3 asks where, so that apps without any run without the setting.
    bucket = spark.conf.get(LAKE_BUCKET) if table.store is Store.S3 else ""
    spark.sql(create_statement(table, table.location(bucket)))
    settings = {row["key"]: row["value"] for row in spark.sql(f"SHOW TBLPROPERTIES {table.identifier}").collect()}
    for statement in alterations(table, spark.table(table.identifier).schema, settings):
        log.info("%s", statement)
        spark.sql(statement)


def _comment(text: str) -> dict[str, str] | None:
    return {"comment": text} if text else None


def _column_ddl(column: StructField) -> str:
    comment = column.metadata.get("comment")
    return f"`{column.name}` {column.dataType.simpleString()}" + (f" COMMENT {_quoted(comment)}" if comment else "")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
