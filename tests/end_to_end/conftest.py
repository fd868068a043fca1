"""One copy of the platform for all end-to-end tests, which run in the order of their files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.end_to_end.scratch import Platform

from soh.local import processes
from soh.settings import Settings


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    data = Settings.from_environment().data
    running = Platform.in_scratch(data if (data / "hydraulic" / "cycles.csv").exists() else None)
    try:
        done = running.up()
        assert done.returncode == 0, f"./soh up ended with {done.returncode}:\n{running.output}"
        yield running
    finally:
        done = running.down()
        left = processes.of(running.home)
        processes.end(left, timedelta(seconds=10))
        assert done.returncode == 0, done.stderr
        assert not left, f"./soh down left {left}"
        assert not running.home.path.exists()
