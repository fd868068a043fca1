"""Tables of the lake as they are declared: columns with their types and comments, and settings; for every engine."""

from __future__ import annotations

from dataclasses import dataclass

from soh.specs import TableSpec, ViewSpec
from soh.specs.tables import PLACE_COLUMNS, SQL_TYPES
from soh.specs.views import Grain

STATISTICS = ("mean", "min", "max")
"""Of each measurement in a view."""

_PLACE_COMMENTS = {
    "kafka_partition": "partition of the record",
    "kafka_offset": "offset of the record in its partition",
    "kafka_timestamp": "when the record was sent, by its Kafka timestamp",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; all may be null."""

    name: str
    type: str
    """In SQL: bigint, double, string, timestamp (UTC), date or int."""
    comment: str = ""


def columns_of(stored: TableSpec | ViewSpec) -> tuple[Column, ...]:
    """Columns of a table or of a view, in order."""
    return _of_view(stored) if isinstance(stored, ViewSpec) else _of_table(stored)


def _of_table(table: TableSpec) -> tuple[Column, ...]:
    comments = {"event_date": f"local date in {table.time_zone}", **_PLACE_COMMENTS}
    return (
        *(Column(name=field.name, type=SQL_TYPES[field.type], comment=field.unit) for field in table.columns),
        *(Column(name=name, type=sql_type, comment=comments[name]) for name, sql_type in PLACE_COLUMNS),
    )


def _of_view(view: ViewSpec) -> tuple[Column, ...]:
    hours = (Column(name="hour_start", type="timestamp", comment="UTC"),) if view.grain is Grain.HOUR else ()
    return (
        Column(name="facility_id", type="bigint"),
        *hours,
        Column(name="rows", type="bigint", comment=f"of {view.of.name}"),
        Column(name="first_time", type="timestamp"),
        Column(name="last_time", type="timestamp"),
        *(
            Column(name=f"{field.name}_{statistic}", type="double", comment=field.unit)
            for field in view.measurements
            for statistic in STATISTICS
        ),
        *(Column(name=state.value, type="bigint", comment="rows in this state") for state in view.states),
        Column(name="event_date", type="date", comment=f"local date in {view.of.time_zone}"),
    )


def properties(stored: TableSpec | ViewSpec) -> dict[str, str]:
    """Iceberg settings of a table or of a view."""
    return {
        "format-version": "2",
        # A stream commits thousands of times a day, and each commit leaves a metadata file.
        "write.metadata.delete-after-commit.enabled": "true",
        "write.metadata.previous-versions-max": "20",
        # A stream must not die because compaction or another stream was faster four times.
        "commit.retry.num-retries": "20",
        "commit.retry.max-wait-ms": "5000",
        "write.parquet.compression-codec": "zstd",
        # A measurement is seldom the same twice: Iceberg's 2 MiB of dictionary for each column make files a sixth
        # larger, and their writing nearly twice as long. What has few values finds room in this.
        "write.parquet.dict-size-bytes": str(64 * 1024),
        "write.target-file-size-bytes": str(stored.target_file_size),
        "write.distribution-mode": "none",
    }
