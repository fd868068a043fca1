"""Servers that a bench has to itself: brokers, HDFS and the catalog's database, in a scratch folder on free ports."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from soh.errors import SetupFailed
from soh.local import configs, prepare, processes
from soh.local.home import Home
from soh.local.options import FleetOptions
from soh.local.ports import free_base
from soh.local.services import Service, all_services
from soh.local.supervisor import Supervisor, wait_until_ready, write_config

_NEEDED = ("postgres", "kafka-", "namenode", "datanode-")
_READY_WITHIN = timedelta(minutes=3)
_END_WITHIN = timedelta(seconds=20)


@contextmanager
def own_servers(needed: Sequence[str] = _NEEDED) -> Iterator[Home]:
    """A copy of the servers below Spark, running; at the end nothing of it is left, whatever was started in it.

    `needed` are beginnings of their names.
    """
    folder = Path(tempfile.mkdtemp(prefix="soh-bench-"))
    # Its database runs under another user.
    folder.chmod(0o755)
    home = Home(path=folder, port_base=free_base())
    print(f"starting servers in {folder}", file=sys.stderr, flush=True)
    try:
        _start(home, tuple(needed))
        yield home
    finally:
        _end(home)


def _start(home: Home, needed: tuple[str, ...]) -> None:
    home.make()
    configs.write_all(home)
    prepare.format_storage(home)
    chosen = [service for service in all_services(home, FleetOptions()) if service.name.startswith(needed)]
    supervisor = Supervisor(home)
    supervisor.ensure(write_config(home, chosen))
    for stage in sorted({service.stage for service in chosen}):
        _start_together(home, supervisor, [service for service in chosen if service.stage == stage])
    prepare.databases(home)


def _start_together(home: Home, supervisor: Supervisor, services: list[Service]) -> None:
    supervisor.start(services)
    wait_until_ready(home, services, _READY_WITHIN, lambda _: None)


def _end(home: Home) -> None:
    supervisor = Supervisor(home)
    if supervisor.is_up():
        supervisor.shutdown()
    processes.end(processes.of(home), _END_WITHIN)
    left = processes.of(home)
    home.purge()
    shutil.rmtree(home.path, ignore_errors=True)
    if left:
        raise SetupFailed(f"still running: {', '.join(f'{process.pid} {process.name()}' for process in left)}")
