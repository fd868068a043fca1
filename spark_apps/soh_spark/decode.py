"""Kafka records into columns of the lake, or into the reason why a record cannot be read.

The stream into the lake and the stream into the dead letters are two queries on one topic: both ask
this module, whose answer depends on the record alone, so that each record goes exactly one way.
No expression here raises for any bytes whatever, because one poisoned record would kill the query.
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import LongType, MapType, StringType, StructField, StructType

from soh.specs import Field, FieldType, RecordSchema
from soh.specs.decoding import EPOCH, FIRST_TIME, LAST_TIME, MICROSECOND, Reason
from soh_spark.schema import wire_type

_STRICT = {
    "mode": "PERMISSIVE",
    "columnNameOfCorruptRecord": "corrupt",
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
}
# A bare NaN is what Python writes for a float that is none: a wrong number in an otherwise good record.
_WITH_NAN = {**_STRICT, "allowNonNumericNumbers": "true"}

_ANY_OBJECT = MapType(StringType(), StringType())

_DAY = timedelta(days=1) // MICROSECOND


def decode(records: DataFrame, schema: RecordSchema, time_zone: str) -> DataFrame:
    """Read `records` by `schema`; local days are those of `time_zone`.

    `records` has the columns of Spark's Kafka source. The result has a row per record: `source` (those
    columns as a struct), the schema's fields, the place columns of the lake, and `reason`, null when the
    record is readable. Of two spellings of a field in one record the English one counts, of a key that comes
    twice the last.
    """
    text = F.col("value").cast("string")
    readable = _has_readable_size(schema) & F.is_valid_utf8(text)
    envelopes = records.select("*", _once(F.when(readable, _enveloped(text))).alias("envelope"))
    strict = F.from_json("envelope", _envelope(wire_type(schema)), _STRICT)
    parsed = envelopes.select(*records.columns, _once(strict).alias("parsed"))
    return parsed.select(
        F.struct(*records.columns).alias("source"),
        *(_column(field).alias(field.name) for field in schema.fields),
        _local_date(schema.field(schema.event_time), time_zone).alias("event_date"),
        F.col("partition").cast("int").alias("kafka_partition"),
        F.col("offset").cast("bigint").alias("kafka_offset"),
        F.col("timestamp").cast("timestamp").alias("kafka_timestamp"),
        _reason(schema, text).alias("reason"),
    )


def _once(column: Column) -> Column:
    """The same, kept by the optimizer as a column of its own: what is not deterministic is not computed twice.

    A filter on `reason` would be pushed below the reading of JSON otherwise, and have each record read twice. And for
    that reading, which is not compiled, everything inside it would be interpreted.
    """
    return F.when(F.spark_partition_id() >= 0, column)


def _enveloped(text: Column) -> Column:
    # The reader stops after the first object and takes a list of objects for its first one. Inside an
    # envelope neither passes; the offset, which no sender knows, proves that the envelope closed as it should.
    return F.concat(F.lit('{"record":'), text, F.lit(',"end":'), F.col("offset"), F.lit("}"))


def _envelope(record: StructType | MapType) -> StructType:
    return StructType(
        [StructField("record", record), StructField("end", LongType()), StructField("corrupt", StringType())]
    )


def _closed(envelope: Column) -> Column:
    return F.coalesce(
        envelope["corrupt"].isNull() & envelope["record"].isNotNull() & (envelope["end"] == F.col("offset")),
        F.lit(False),
    )


def _has_readable_size(schema: RecordSchema) -> Column:
    return F.coalesce(F.octet_length("value").between(1, schema.max_size), F.lit(False))


def _reason(schema: RecordSchema, text: Column) -> Column:
    return F.when(_closed(F.col("parsed")), _reason_by_fields(schema, text)).otherwise(_reason_by_text(schema, text))


def _reason_by_text(schema: RecordSchema, text: Column) -> Column:
    untyped = F.from_json(_enveloped(text), _envelope(_ANY_OBJECT), _WITH_NAN)
    return (
        F.when(F.coalesce(F.octet_length("value"), F.lit(0)) == 0, Reason.EMPTY.value)
        .when(~_has_readable_size(schema), Reason.OVERSIZED.value)
        .when(~F.is_valid_utf8(text), Reason.NOT_UTF8.value)
        .when(_closed(untyped), Reason.WRONG_TYPE.value)
        .otherwise(Reason.NOT_JSON.value)
    )


def _reason_by_fields(schema: RecordSchema, text: Column) -> Column:
    reason = F.when(_any(_wrong(schema)), Reason.WRONG_TYPE.value)
    if any(field.type is FieldType.STRING for field in schema.fields):
        reason = reason.when(_has_lone_surrogate(text), Reason.NOT_UTF8.value)
    for field in schema.fields:
        if field.required:
            reason = reason.when(_value(field).isNull(), f"{Reason.MISSING}_{field.name}")
    return reason.when(~_is_in_range(schema), Reason.EVENT_TIME_OUT_OF_RANGE.value)


def _value(field: Field) -> Column:
    """The field as it came: a number, or text."""
    return F.coalesce(*(_unwrapped(F.col("parsed")["record"][spelling], field) for spelling in field.spellings))


def _unwrapped(value: Column, field: Field) -> Column:
    if field.type is not FieldType.STRING:
        return value
    return F.when(_kind(value) == "STRING", F.variant_get(value, "$", "string"))


def _kind(variant: Column) -> Column:
    """What a variant is. Asked for the schema of objects nested a thousand deep, Spark would overflow its stack."""
    nested = [F.try_variant_get(variant, "$", type_).isNotNull() for type_ in ("array<variant>", "map<string,variant>")]
    return F.when(_any(nested), F.lit("NESTED")).otherwise(F.schema_of_variant(variant))


def _column(field: Field) -> Column:
    """The field as the lake keeps it."""
    return F.timestamp_micros(_micros(field)) if field.type is FieldType.EPOCH_SECONDS else _value(field)


def _wrong(schema: RecordSchema) -> list[Column]:
    """Conditions under which the typed reader took a value that a field cannot hold."""
    wrong = [condition for field in schema.fields for condition in _wrong_in(field, schema)]
    if doubles := [F.abs(_value(field)) for field in schema.fields if field.type is FieldType.DOUBLE]:
        # 1e999 is a number in JSON and infinity in a double. One condition for all of them: a plan is written anew
        # for every batch.
        wrong.append((F.greatest(*doubles) if len(doubles) > 1 else doubles[0]) == float("inf"))
    return wrong


def _wrong_in(field: Field, schema: RecordSchema) -> list[Column]:
    match field.type:
        case FieldType.STRING:
            kinds = (_kind(F.col("parsed")["record"][spelling]) for spelling in field.spellings)
            return [~kind.isin("STRING", "VOID") for kind in kinds]
        case FieldType.EPOCH_SECONDS if field.name != schema.event_time:
            return [_value(field).isNotNull() & _micros(field).isNull()]
        case _:
            return []


def _any(conditions: list[Column]) -> Column:
    found = F.lit(False)
    for condition in conditions:
        found = found | F.coalesce(condition, F.lit(False))
    return found


def _micros(field: Field) -> Column:
    """Microseconds since 1970, exact for times until 2106; null outside the years that dates can have."""
    micros = F.rint(_value(field) * 1_000_000).try_cast("bigint")
    return F.when(micros.between(FIRST_TIME, LAST_TIME), micros)


def _is_in_range(schema: RecordSchema) -> Column:
    earliest = F.lit((schema.earliest - EPOCH) // MICROSECOND)
    latest = F.unix_micros("timestamp") + F.lit(schema.ahead // MICROSECOND)
    # As doubles: no time that dates do not have lies between two that they have.
    micros = F.rint(_value(schema.field(schema.event_time)) * 1_000_000)
    return F.coalesce(micros.between(earliest, latest), F.lit(False))


def _local_date(field: Field, time_zone: str) -> Column:
    # Not a cast to date, which would depend on the time zone of the session.
    local = F.unix_micros(F.from_utc_timestamp(F.timestamp_micros(_micros(field)), time_zone))
    return F.date_from_unix_date(((local - F.pmod(local, F.lit(_DAY))) / _DAY).cast("int"))


def _has_lone_surrogate(text: Column) -> Column:
    r"""Half of a character as an escape (`\ud800`): Java would write `?` for it."""
    escapes = F.regexp_replace(text, r"\\\\", "-")
    unpaired = F.regexp_replace(escapes, r"(?i)\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}", "-")
    return unpaired.rlike(r"(?i)\\ud[89a-f][0-9a-f]{2}")
