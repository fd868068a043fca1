"""Data files of the lake as columns: read, looked at once, and written with what Iceberg must know of them."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jpype
import nanoarrow
import polars as pl

from soh.errors import ProofFailed
from soh.lake.columns.jvm import iceberg, told
from soh.lake.content import Content, differences, shortened
from soh.lake.schema import Column

EPOCH = date(1970, 1, 1)
_ROW_GROUP = 128 * 1024
"""Rows: a question about one facility reads few of them, since files are sorted."""
_PART = 8 * 1024 * 1024
"""Bytes that go to the store at a time."""

DTYPES: Mapping[str, pl.DataType] = {
    "bigint": pl.Int64(),
    "double": pl.Float64(),
    "string": pl.String(),
    "timestamp": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
    "int": pl.Int32(),
}
_ARROW: Mapping[str, Any] = {
    "bigint": nanoarrow.int64(),
    "double": nanoarrow.float64(),
    "string": nanoarrow.large_string(),
    "timestamp": nanoarrow.timestamp("us", timezone="UTC"),
    "date": nanoarrow.date32(),
    "int": nanoarrow.int32(),
}


@dataclass(frozen=True, slots=True)
class File:
    """One data file: Iceberg's own object, and what is asked of it most."""

    java: Any
    path: str
    day: date
    size: int
    rows: int

    @classmethod
    def of(cls, java: Any) -> File:
        return cls(
            java=java.copyWithoutStats(),
            path=str(java.location()),
            day=EPOCH + timedelta(days=int(java.partition().get(0, jpype.JClass("java.lang.Integer").class_))),
            size=int(java.fileSizeInBytes()),
            rows=int(java.recordCount()),
        )


def read_file(io: Any, file: File, columns: Sequence[Column], only: Sequence[str] | None = None) -> pl.DataFrame:
    """Rows of a file, with all of `columns` (or `only` those named); one that the file lacks is null."""
    with told(f"reading {file.path}"):
        source = io.newInputFile(file.path).newStream()
        try:
            held = _received(source, file.size)
        finally:
            source.close()
    found = pl.read_parquet(held, columns=None if only is None else list(only))
    wanted = [column for column in columns if only is None or column.name in only]
    return found.select(
        (pl.col(column.name) if column.name in found.columns else pl.lit(None))
        .cast(DTYPES[column.type])
        .alias(column.name)
        for column in wanted
    )


def _received(source: Any, size: int) -> bytes:
    """All that a stream holds, by parts: Java never has more than one of them."""
    held, part = bytearray(size), jpype.JArray(jpype.JByte)(min(size, _PART))
    for begin in range(0, size, _PART):
        length = min(_PART, size - begin)
        iceberg().io.IOUtil.readFully(source, part, 0, length)
        held[begin : begin + length] = memoryview(part)[:length].cast("B")
    return bytes(held)


def write_file(java: Any, day: date, rows: pl.DataFrame, columns: Sequence[Column]) -> File:
    """Write rows of one day, in their order, as a data file of the table that nothing points to yet."""
    location = str(java.locationProvider().newDataLocation(f"event_date={day}/{uuid4()}.parquet"))
    ids = {str(found.name()): int(found.fieldId()) for found in java.schema().columns()}
    arrow = nanoarrow.Schema(
        nanoarrow.Type.STRUCT,
        fields=[
            nanoarrow.Schema(
                _ARROW[column.type],
                name=column.name,
                metadata={b"PARQUET:field_id": str(ids[column.name]).encode()},
            )
            for column in columns
        ],
    )
    with tempfile.TemporaryDirectory(prefix="soh-night-") as folder:
        local = Path(folder) / "rows.parquet"
        rows.select(column.name for column in columns).write_parquet(
            local, compression="zstd", row_group_size=_ROW_GROUP, arrow_schema=arrow
        )
        size = _send(java.io(), local, location)
    with told(f"looking at {location}"):
        metrics = iceberg().parquet.ParquetUtil.fileMetrics(
            java.io().newInputFile(location, size), iceberg().MetricsConfig.forTable(java)
        )
    values = jpype.java.util.ArrayList()
    values.add(str(day))
    built = (
        iceberg()
        .DataFiles.builder(java.spec())
        .withPath(location)
        .withFormat("parquet")
        .withPartitionValues(values)
        .withFileSizeInBytes(size)
        .withMetrics(metrics)
        .build()
    )
    return File(java=built, path=location, day=day, size=size, rows=int(metrics.recordCount()))


def _send(io: Any, local: Path, location: str) -> int:
    size = 0
    with told(f"writing {location}"), local.open("rb") as source:
        target = io.newOutputFile(location).create()
        try:
            while part := source.read(_PART):
                target.write(jpype.JArray(jpype.JByte)(part))
                size += len(part)
        finally:
            target.close()
    return size


def delete_files(io: Any, files: Collection[File]) -> None:
    """Take away files that were written and are in no commit."""
    for file in files:
        io.deleteFile(file.path)


def must_hold(files: Collection[File], wanted: Content, found: Content) -> None:
    """Raises ProofFailed where files that were written hold anything else than they should."""
    if wrong := differences(wanted, found):
        paths = ", ".join(file.path for file in files)
        raise ProofFailed(
            f"{paths}: just written, and does not hold what was read, so it is in no commit: {shortened(wrong)}. "
            "Look at the store's disks, and run it again"
        )
