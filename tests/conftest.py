"""Options that `./soh test` gives to every suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.progress import Lines, Progress


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("./soh test")
    group.addoption("--keep", action="store_true", help="leave the copy of the end-to-end tests running")
    group.addoption("--outcomes", type=Path, help="file that is told what every test took and how it ended")
    group.addoption("--tree", help="the state of the files that is tested")
    group.addoption("--not-passed", action="store_true", help="leave out what has passed on this state of the files")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.outcomes:
        # While a test runs, standard output is captured; this leads where it led before.
        config.pluginmanager.register(Progress(config, Lines(os.fdopen(os.dup(1), "w"))))
