"""One copy of the platform for all end-to-end tests, which run in the order of their files."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.end_to_end.running_copy import hangs_after, platform, streaming

__all__ = ["platform", "streaming"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    hangs_after(items, timedelta(minutes=30))
