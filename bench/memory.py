"""What a running copy takes of the machine while nothing but its streams is at work: memory and processor time.

All processes of the copy are looked at every second for the length of the window. A page of memory that several
processes share counts once (PSS). Figures are those of the look at which the copy took most, and the mean number of
cores over the window. Batch apps that happen to run are part of it, and are told.
"""

from __future__ import annotations

import contextlib
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import psutil
import typer

from bench.parts.footprint import GROUPS, Seen, cores, group_of, largest, service_of
from bench.parts.outcome import Outcome, failing_as, show
from bench.parts.platform import running_platform
from soh.local import processes
from soh.local.home import Home
from soh.local.supervisor import ServiceState, Supervisor
from soh.specs import BATCH_APPS
from soh.yarn import ResourceManager, YarnApp

LOOK_EVERY = 1.0
"""Seconds."""
GIB = 1024**3


def main(
    minutes: Annotated[float, typer.Option(min=0.1, help="Length of the window.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Measure memory and processor time of the running copy."""
    with failing_as("memory"), running_platform() as home:
        outcome = measure(home, timedelta(minutes=minutes))
    raise typer.Exit(show(outcome, as_json=as_json))


def measure(home: Home, length: timedelta) -> Outcome:
    """One window on the copy in `home`."""
    looks: list[list[Seen]] = []
    unreadable: set[int] = set()
    supervisor = Supervisor(home)
    services = {supervisor.pid(name): name for name in supervisor.states()}
    batch_apps = {app.id for app in _batch_apps(home)}
    print(f"looking at {home.path}, profile {home.profile.name}, for {length}", file=sys.stderr, flush=True)
    began = time.monotonic()
    while True:
        at = time.monotonic()
        looks.append(_look(home, services, unreadable))
        if at - began >= length.total_seconds():
            break
        time.sleep(max(0.0, at + LOOK_EVERY - time.monotonic()))
    batch_apps |= {app.id for app in _batch_apps(home)}
    memory, used = largest(looks), cores(looks, at - began)
    figures = {
        "memory_gib": sum(memory.values()) / GIB,
        "cores": sum(used.values()),
        **{f"memory_gib_of_{group}": memory[group] / GIB for group in GROUPS},
        **{f"cores_of_{group}": used[group] for group in GROUPS},
        "processes": len(looks[-1]),
        "batch_apps": len(batch_apps),
    }
    down = [name for name, state in supervisor.states().items() if state is not ServiceState.RUNNING]
    faults = [f"{name} does not run" for name in down]
    if unreadable:
        faults.append(f"memory of {len(unreadable)} processes of other users is not told; measure as root")
    return Outcome(
        name="memory",
        figures=figures,
        faults=faults,
        notes=[f"profile {home.profile.name}", "a page that processes of other copies share too counts in part"],
    )


def _look(home: Home, services: dict[int, str], unreadable: set[int]) -> list[Seen]:
    """Every process of the copy that lives now."""
    found = processes.of(home)
    parents = {}
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            parents[process.pid] = process.ppid()
    seen = []
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            times = process.cpu_times()
            try:
                memory = _pss(process.pid)
            except PermissionError:
                unreadable.add(process.pid)
                continue
            seen.append(
                Seen(
                    pid=process.pid,
                    started=process.create_time(),
                    group=group_of(
                        service_of(process.pid, services, parents),
                        in_container=process.environ().get("LOCAL_DIRS", "").startswith(f"{home.path}/"),
                    ),
                    memory=memory,
                    spent=times.user + times.system,
                )
            )
    return seen


def _pss(pid: int) -> int:
    """Bytes of a process in memory, of a shared page its part."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _batch_apps(home: Home) -> list[YarnApp]:
    cluster = ResourceManager(home.endpoints.yarn)
    return [app for spec in BATCH_APPS.values() for app in cluster.apps(spec.yarn_tag) if app.alive]


if __name__ == "__main__":
    typer.run(main)
