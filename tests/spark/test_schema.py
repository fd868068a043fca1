from dataclasses import replace

import pytest
from pyspark.sql.types import StructType
from tests.spark.lake_tables import dropped

from soh.errors import TableConflict
from soh.specs import TABLES, TOPICS, FieldType
from soh.specs.tables import HEAT_GRADES, HEAT_INSPECTIONS, HYDRAULIC_RAW, PLACE_COLUMNS, Store
from soh_spark.schema import alterations, create_statement, ensure_table, properties, table_type, wire_type


@pytest.mark.parametrize("schema", [topic.schema for topic in TOPICS.values() if topic.schema], ids=lambda it: it.name)
def test_every_spelling_of_every_field_is_read(schema):
    assert wire_type(schema).names == [spelling for field in schema.fields for spelling in field.spellings]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_columns_are_those_declared_and_the_place_in_kafka(table):
    places = [name for name, _ in PLACE_COLUMNS]
    assert table_type(table).names == [field.name for field in table.columns] + places


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_a_created_table_has_the_declared_columns_units_and_settings(spark, table):
    # The catalog of these tests is a folder, and its tables are where it says.
    table = replace(table, store=Store.HDFS)
    with dropped(spark, table):
        ensure_table(spark, table)
        created = spark.table(table.identifier).schema
        settings = {row["key"]: row["value"] for row in spark.sql(f"SHOW TBLPROPERTIES {table.identifier}").collect()}
        partitions = spark.sql(f"SELECT partition FROM {table.identifier}.partitions").schema["partition"].dataType
    assert created == table_type(table)
    assert {field.name: field.unit for field in table.columns if field.unit} == {
        column.name: column.metadata["comment"] for column in created[: len(table.columns)] if column.metadata
    }
    assert settings.items() >= properties(table).items()
    assert partitions.names == ["event_date"]


def test_an_existing_table_as_declared_is_left_alone(spark):
    with dropped(spark, HYDRAULIC_RAW):
        ensure_table(spark, HYDRAULIC_RAW)
        before = spark.sql(f"SELECT file FROM {HYDRAULIC_RAW.identifier}.metadata_log_entries").count()
        ensure_table(spark, HYDRAULIC_RAW)
        assert spark.sql(f"SELECT file FROM {HYDRAULIC_RAW.identifier}.metadata_log_entries").count() == before


def test_fields_declared_later_become_nullable_columns_in_their_place(spark):
    declared = HYDRAULIC_RAW.schema.fields
    fewer = tuple(field for field in declared if field.name not in ("seq", "se"))
    older = replace(HYDRAULIC_RAW, schema=replace(HYDRAULIC_RAW.schema, fields=fewer), target_file_size=1024)
    with dropped(spark, HYDRAULIC_RAW):
        ensure_table(spark, older)
        ensure_table(spark, HYDRAULIC_RAW)
        table = spark.table(HYDRAULIC_RAW.identifier)
        settings = {row["key"]: row["value"] for row in spark.sql(f"SHOW TBLPROPERTIES {older.identifier}").collect()}
    assert table.schema == table_type(HYDRAULIC_RAW)
    assert settings["write.target-file-size-bytes"] == str(HYDRAULIC_RAW.target_file_size)


def test_a_field_declared_first_becomes_the_first_column():
    later = StructType([column for column in table_type(HYDRAULIC_RAW) if column.name != "facility_id"])
    (statement,) = alterations(HYDRAULIC_RAW, later, properties(HYDRAULIC_RAW))
    assert statement == f"ALTER TABLE {HYDRAULIC_RAW.identifier} ADD COLUMNS (`facility_id` bigint FIRST)"


def test_columns_that_are_no_longer_declared_stay():
    more = table_type(HYDRAULIC_RAW).add("retired", "double")
    assert alterations(HYDRAULIC_RAW, more, properties(HYDRAULIC_RAW)) == []


def test_a_column_of_another_type_is_refused_by_name():
    (condition,) = [field for field in HEAT_INSPECTIONS.columns if field.name == "condition"]
    assert condition.type is FieldType.STRING
    existing = StructType(
        [
            column
            if column.name != "condition"
            else type(column)("condition", table_type(HYDRAULIC_RAW)["ts1"].dataType)
            for column in table_type(HEAT_INSPECTIONS)
        ]
    )
    with pytest.raises(TableConflict, match=r"column condition of lake\.soh\.heat_inspections is double.*as string"):
        alterations(HEAT_INSPECTIONS, existing, properties(HEAT_INSPECTIONS))


def test_a_table_on_s3_is_made_where_its_declaration_says_and_any_other_where_the_catalog_does():
    assert "LOCATION 's3://lake/warehouse/soh/heat_grades' COMMENT" in create_statement(
        HEAT_GRADES, HEAT_GRADES.location("s3://lake")
    )
    assert "LOCATION" not in create_statement(HYDRAULIC_RAW, HYDRAULIC_RAW.location("s3://lake"))


def test_a_quote_in_a_description_stays_text():
    assert r"COMMENT 'the rig\'s day'" in create_statement(replace(HYDRAULIC_RAW, description="the rig's day"))
