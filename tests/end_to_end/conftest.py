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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Waits in these tests have limits of their own; the one on a test only ends what hangs altogether."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(1800))
