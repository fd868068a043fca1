"""Real servers for the integration tests: databases, Kafka, HDFS, YARN and S3, on free ports in their own folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from soh.local import configs, prepare, processes
from soh.local.home import Home
from soh.local.options import FleetOptions
from soh.local.ports import free_base
from soh.local.services import Service, all_services
from soh.local.supervisor import Supervisor, wait_until_ready, write_config

SERVER_STAGES = (1, 3)
"""Airflow and the fleets are the end-to-end tests' matter."""


class Servers:
    """The running servers of one copy."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.supervisor = Supervisor(home)
        self.services = {s.name: s for s in all_services(home, FleetOptions()) if s.stage in SERVER_STAGES}

    def start(self) -> None:
        self.home.make()
        configs.write_all(self.home)
        prepare.format_storage(self.home)
        self.supervisor.ensure(write_config(self.home, self.services.values()))
        # All at once: each waits by itself for those it needs.
        self.supervisor.start(self.services.values())
        for name, *parts in (
            ("s3proxy", prepare.buckets),
            ("influxdb", prepare.tsdb),
            # Last, for it listens a moment before it takes anybody.
            ("postgres", prepare.databases, prepare.model_registry),
        ):
            self.wait([self.services[name]])
            for part in parts:
                part(self.home)
        self.wait(list(self.services.values()))

    def wait(self, services: list[Service]) -> None:
        wait_until_ready(self.home, services, timedelta(minutes=3), lambda _: None)

    def stop(self) -> None:
        if self.supervisor.is_up():
            self.supervisor.shutdown()
        # Nobody reads again what they would still write.
        processes.end(processes.of(self.home), timedelta(0))


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    folder = Path(tempfile.mkdtemp(prefix="soh-it-"))
    folder.chmod(0o755)
    running = Servers(Home(path=folder, port_base=free_base()))
    try:
        running.start()
        yield running
    finally:
        running.stop()
        left = processes.of(running.home)
        running.home.purge()
        shutil.rmtree(folder, ignore_errors=True)
        assert not left, f"still running after the tests: {left}"
