"""One copy of the platform for all tests of a suite; the end-to-end tests and the long drills each have theirs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from tests.end_to_end.scratch import Platform

from soh.local import processes
from soh.settings import Settings

# Before they are imported: so a failed assertion in them says what it compared, as one in a test does.
pytest.register_assert_rewrite("tests.end_to_end.counts", "tests.end_to_end.faults")


@pytest.fixture(scope="session")
def streaming(pytestconfig: pytest.Config) -> Iterator[Platform]:
    """A copy whose streams run and whose grades arrive, while `./soh up` waits for its first night."""
    yield from running(pytestconfig)


def running(config: pytest.Config) -> Iterator[Platform]:
    """A copy from its first step to its last; with `--keep` it is left running."""
    data = Settings.from_environment().data
    copy = Platform.in_scratch(data if (data / "hydraulic" / "cycles.csv").exists() else None)
    try:
        copy.begin_up(uncaptured(config))
        copy.wait_for_step("Grades in InfluxDB", 900)
        yield copy
    finally:
        if config.option.keep:
            home = copy.home.path
            config.add_cleanup(lambda: print(f"\nLeft running in {home}. Stop: SOH_HOME={home} ./soh down --purge"))
        else:
            end(copy)


@pytest.fixture(scope="session")
def platform(streaming: Platform) -> Platform:
    """A copy whose `./soh up` has ended well."""
    code = streaming.wait_for_up(1500)
    assert code == 0, f"./soh up ended with {code}:\n{streaming.output}"
    return streaming


def end(copy: Platform) -> None:
    """Stop a copy and forget it; nothing of it may be left."""
    copy.break_up_off()
    done = copy.down()
    left = processes.of(copy.home)
    processes.end(left, timedelta(seconds=10))
    assert done.returncode == 0, done.stderr
    assert not left, f"./soh down left {left}"
    assert not copy.home.path.exists()


def uncaptured(config: pytest.Config) -> Callable[[str], None]:
    """Tell a line to whoever looks at the tests, while pytest captures what is printed."""
    capture = config.pluginmanager.getplugin("capturemanager")
    erase = "\r\033[K" if sys.__stdout__ and sys.__stdout__.isatty() else ""

    def tell(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"{erase}      {line}", flush=True)

    return tell


def hangs_after(items: list[pytest.Item], limit: timedelta) -> None:
    """Waits in these tests have limits of their own; the one on a test only ends what hangs altogether."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(limit.total_seconds()))
