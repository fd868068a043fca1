"""Drills that take long, on a copy of the platform like that of the end-to-end tests, in the order of their files."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.end_to_end.running_copy import hangs_after, platform, streaming

__all__ = ["platform", "streaming"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    hangs_after(items, timedelta(hours=12))
