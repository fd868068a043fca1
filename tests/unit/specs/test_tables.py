from __future__ import annotations

import pytest

from soh.errors import BadDeclaration
from soh.specs.schemas import HEAT_READING, FieldType
from soh.specs.tables import HEAT_RAW, PLACE_COLUMNS, SQL_TYPES, TABLES, TableSpec

REFUSED = {
    "bad-name": ({"name": "heat raw"}, "table 'heat raw'"),
    "unknown-time-zone": ({"time_zone": "Asia/Nowhere"}, "'Asia/Nowhere' is not a time zone"),
    "path-as-time-zone": ({"time_zone": "../../etc/passwd"}, "is not a time zone"),
    "files-of-no-size": ({"target_file_size": 0}, "target_file_size must be at least 1 byte"),
    "one-file-is-many": ({"small_files": 1}, "small_files must be at least 2"),
}


@pytest.mark.parametrize(("differing", "complaint"), REFUSED.values(), ids=REFUSED.keys())
def test_a_table_that_contradicts_itself_is_refused(differing, complaint):
    with pytest.raises(BadDeclaration, match=complaint):
        TableSpec(**({"name": "heat_raw", "description": "Readings.", "schema": HEAT_READING} | differing))


def test_a_table_is_named_as_spark_names_it():
    assert HEAT_RAW.identifier == "lake.soh.heat_raw"


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_grades_are_on_s3_and_what_streams_write_is_where_the_catalog_keeps_its_tables(table):
    on_s3 = f"s3://bucket/warehouse/soh/{table.name}" if table.name.endswith("_grades") else None
    assert table.location("s3://bucket") == on_s3


def test_every_type_of_field_has_a_type_in_the_lake():
    assert set(SQL_TYPES) == set(FieldType)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_no_field_has_the_name_of_a_place_column(table):
    names = [field.name for field in table.columns] + [name for name, _ in PLACE_COLUMNS]
    assert len(names) == len(set(names))
