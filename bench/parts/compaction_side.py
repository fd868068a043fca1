"""One side of the bench of compactions: a job as JSON on standard input, what came of it as JSON on standard output."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

Job = Mapping[str, Any]

DAY = date(2026, 5, 1)
FACILITIES = 74
ORDER = ("facility_id", "event_time", "kafka_partition", "kafka_offset")


def fill(job: Job) -> dict[str, Any]:
    """Write the day's readings as small files into the folder: each holds some minutes of every facility."""
    import numpy as np
    import polars as pl

    from soh.lake.columns.files import DTYPES
    from soh.lake.columns.hashing import content
    from soh.lake.content import total
    from soh.lake.schema import columns_of
    from soh.specs.tables import HEAT_RAW

    columns = columns_of(HEAT_RAW)
    random = np.random.default_rng(7)
    begin, hashes = datetime(2026, 4, 30, 15, tzinfo=UTC), 0
    places = np.array_split(np.arange(job["records"]), job["files"])
    for number, offsets in enumerate(places):
        seconds = offsets // FACILITIES * 5
        made: dict[str, Any] = {
            "facility_id": offsets % FACILITIES + 100,
            "seq": offsets // FACILITIES,
            "event_time": [begin + timedelta(seconds=int(second)) for second in seconds],
            "event_date": [DAY] * len(offsets),
            "kafka_partition": offsets % 3,
            "kafka_offset": offsets // 3,
            "kafka_timestamp": [begin + timedelta(seconds=int(second) + 1) for second in seconds],
        }
        for field in HEAT_RAW.schema.measurements:
            made[field.name] = np.round(random.normal(220, 12, len(offsets)), 2)
        rows = pl.DataFrame({c.name: made[c.name] for c in columns}).cast({c.name: DTYPES[c.type] for c in columns})
        hashes += total(content(rows, rows.columns)).hash
        rows.write_parquet(Path(job["folder"]) / f"{number:03}.parquet", compression="zstd")
    return {"rows": job["records"], "hash": str(hashes)}


def _files(job: Job) -> list[str]:
    return [str(path) for path in sorted(Path(job["folder"]).glob("[0-9]*.parquet"))]


def _table(job: Job) -> Any:
    from dataclasses import replace

    from soh.lake.columns import jvm
    from soh.lake.columns.engine import open_engine
    from soh.settings import Endpoints, Secrets
    from soh.specs.tables import HEAT_RAW

    jvm.start(job["class_path"], shlex.split(job["java_options"]))
    engine = open_engine(Endpoints(**job["endpoints"]), Secrets(**job["secrets"]))
    return engine, replace(HEAT_RAW, name=job["table"])


def load(job: Job) -> dict[str, Any]:
    """Bring the folder's files into a table, a commit each."""
    import polars as pl

    from soh.lake.columns.files import write_file

    engine, spec = _table(job)
    engine.ensure(spec)
    table = engine.table(spec)
    for path in _files(job):
        java = table.load()
        table.append([write_file(java, DAY, pl.read_parquet(path), table.columns(java))], {})
    return {}


def soh(job: Job) -> dict[str, Any]:
    """Pack the table's day and prove it."""
    from soh.lake.packing import compact

    engine, spec = _table(job)
    found = compact(engine.table(spec), spec, DAY, "local")
    return {"rows": found.rows, "hash": found.hash}


def noop(job: Job) -> dict[str, Any]:
    """Pack what is packed already; what lies in the table's folder is counted before and after."""
    from soh.lake.packing import compact

    engine, spec = _table(job)
    table = engine.table(spec)
    before = _size(table)
    compact(table, spec, DAY, "local")
    return {"bytes_written": _size(table) - before}


def _size(table: Any) -> int:
    from soh.lake.columns import jvm

    hadoop = jvm.java("org.apache.hadoop")
    path = hadoop.fs.Path(table.load().location())
    return int(path.getFileSystem(hadoop.conf.Configuration()).getContentSummary(path).getLength())


def check(job: Job) -> dict[str, Any]:
    """What a file of another side holds."""
    import polars as pl

    from soh.lake.columns.hashing import content
    from soh.lake.content import total

    rows = pl.read_parquet(job["file"])
    sums = total(content(rows, rows.columns))
    in_order = rows.select(ORDER).equals(rows.select(ORDER).sort(ORDER))
    return {"rows": sums.rows if in_order else -1, "hash": str(sums.hash)}


def polars(job: Job) -> dict[str, Any]:
    """Sort the folder's files into one by polars."""
    import polars as pl

    target = f"{job['folder']}/polars.parquet"
    pl.read_parquet(_files(job)).sort(ORDER).write_parquet(target, compression="zstd")
    return {"file": target}


def duckdb(job: Job) -> dict[str, Any]:
    """Sort the folder's files into one by DuckDB."""
    import duckdb as tool

    target = f"{job['folder']}/duckdb.parquet"
    tool.sql("SET TimeZone = 'UTC'")
    tool.sql(
        f"COPY (SELECT * FROM read_parquet({_files(job)}) ORDER BY {', '.join(ORDER)}) "
        f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
    )
    return {"file": target}


def pyarrow(job: Job) -> dict[str, Any]:
    """Sort the folder's files into one by pyarrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = f"{job['folder']}/pyarrow.parquet"
    rows = pa.concat_tables([pq.read_table(path) for path in _files(job)])
    pq.write_table(rows.sort_by([(name, "ascending") for name in ORDER]), target, compression="zstd")
    return {"file": target}


ROLES: Mapping[str, Callable[[Job], dict[str, Any]]] = {
    role.__name__: role for role in (fill, load, soh, noop, check, polars, duckdb, pyarrow)
}


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(ROLES[asked["role"]](asked)))
