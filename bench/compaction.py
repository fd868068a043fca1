"""What packing a day costs: the platform's process of its own beside polars, DuckDB and pyarrow on the same files.

The same small files of one day lie on HDFS, in a table, and in a folder. The platform's side plans, reads, sorts,
writes, reads again and proves, commits and tidies up; each tool reads the folder, sorts by the same columns and writes
one file with the same compression, and no more. Every side is a process from its start to its end, Java and imports
included, one after the other, round after round. What each side left is compared by rows and hashes; a wrong side has
no figure.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from bench.parts.outcome import Outcome, failing_as, show
from bench.parts.servers import own_servers
from soh.errors import SetupFailed
from soh.local import class_archive
from soh.local.environments import AIRFLOW_PYTHON, ensure_extra, java_home
from soh.local.home import Home
from soh.settings import PROJECT, child_environment

TOOLS = {"polars": "polars==2.1.0", "duckdb": "duckdb==2.0.1", "pyarrow": "pyarrow==21.0.0"}
FILES = 20
SERVERS = ("postgres", "namenode", "datanode-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One process of a side."""

    seconds: float
    cpu_seconds: float
    told: Mapping[str, Any]


def main(
    records: Annotated[int, typer.Option(min=1000, help="Readings of the day.")] = 950_000,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each side that are counted.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Measure what packing a day of small files costs, beside tools that only sort and write."""
    # Without this a SIGTERM would leave the servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with failing_as("compaction"), own_servers(SERVERS) as home, tempfile.TemporaryDirectory() as folder:
        outcome = measure(home, Path(folder), records, rounds)
    raise typer.Exit(show(outcome, as_json=as_json))


def measure(home: Home, folder: Path, records: int, rounds: int) -> Outcome:
    """All sides on the servers in `home` and the files in `folder`."""
    try:
        tools = str(ensure_extra("bench/columns", [*TOOLS.values(), "numpy"]))
    except SetupFailed as error:
        raise SetupFailed(f"the tools to compare with are not to be had: {error}") from None
    ours = str(AIRFLOW_PYTHON)
    _say(f"writing {records:,} readings into {FILES} files")
    wanted = _turn(home, ours, "fill", folder, records=records, files=FILES).told
    turns: dict[str, list[Turn]] = {name: [] for name in ("soh", "noop", *TOOLS)}
    faults: list[str] = []
    for number in range(1, rounds + 1):
        _turn(home, ours, "load", folder, table=f"bench_day_{number}")
        for name in turns:
            python = tools if name in TOOLS else ours
            turn = _turn(home, python, name, folder, table=f"bench_day_{number}")
            told = turn.told
            if name in TOOLS:
                told = _turn(home, ours, "check", folder, file=told["file"]).told
            _say(f"round {number}: {name} {turn.seconds:.1f} s, {turn.cpu_seconds:.2f} s of CPU")
            if name != "noop":
                faults += [
                    f"{name}, round {number}: {what} is {told.get(what)}, not {wanted[what]}"
                    for what in ("rows", "hash")
                    if told.get(what) != wanted[what]
                ]
            elif told["bytes_written"]:
                faults.append(f"noop, round {number}: {told['bytes_written']} bytes were written")
            turns[name].append(turn)
    right = {name: of for name, of in turns.items() if not any(fault.startswith(f"{name},") for fault in faults)}
    return Outcome(
        name="compaction",
        figures={**figures(right), "records": records, "files": FILES, "rounds": rounds},
        faults=faults,
        notes=[
            f"{records:,} readings in {FILES} files, {rounds} rounds; figures are medians",
            "seconds and processor time are those of whole processes, Java, imports and proof included; "
            "HDFS and the database are left out",
        ],
    )


def figures(turns: Mapping[str, list[Turn]]) -> dict[str, float]:
    """Figures of the sides whose rounds are all correct."""
    found: dict[str, float] = {}
    for name, of in turns.items():
        found[f"{name}_s"] = median(turn.seconds for turn in of)
        found[f"{name}_cpu_s"] = median(turn.cpu_seconds for turn in of)
    best = [found[f"{name}_cpu_s"] for name in TOOLS if name in turns]
    if best and "soh" in turns:
        found["cpu_ratio_best_tool"] = found["soh_cpu_s"] / min(best)
    if "noop" in turns:
        found["noop_bytes_written"] = max(turn.told["bytes_written"] for turn in turns["noop"])
    return found


def _turn(home: Home, python: str, role: str, folder: Path, **about: Any) -> Turn:
    job = {
        "role": role,
        "folder": str(folder),
        "endpoints": asdict(home.endpoints),
        "secrets": asdict(home.app_secrets),
        "class_path": class_archive.class_path().split(":"),
        "java_options": class_archive.JAVA_OPTIONS,
        **about,
    }
    path = os.pathsep.join((str(PROJECT / "include"), str(PROJECT)))
    environment = child_environment(PYTHONPATH=path, JAVA_HOME=str(java_home()), HADOOP_CONF_DIR=str(home.hadoop_conf))
    with tempfile.TemporaryFile("w+") as errors:
        began = time.monotonic()
        side = subprocess.Popen(
            [python, "-m", "bench.parts.compaction_side"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        )
        assert side.stdin is not None
        assert side.stdout is not None
        side.stdin.write(json.dumps(job))
        side.stdin.close()
        told = side.stdout.read()
        _, status, used = os.wait4(side.pid, 0)
        seconds = time.monotonic() - began
        side.returncode = os.waitstatus_to_exitcode(status)
        if side.returncode:
            errors.seek(0)
            raise SetupFailed(f"{role} ended with {side.returncode}:\n{errors.read()[-2000:]}")
    return Turn(seconds=seconds, cpu_seconds=used.ru_utime + used.ru_stime, told=json.loads(told.splitlines()[-1]))


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(main)
