"""Commits that lose against another writer's: how they are recognised, and tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from soh.errors import RewriteConflict

log = logging.getLogger(__name__)

ATTEMPTS = 4
_CONFLICTS = ("CommitFailedException", "ValidationException")

T = TypeVar("T")


def retry_conflicts(what: str, act: Callable[[], T]) -> T:
    """Call `act` again while other writers commit first; raises RewriteConflict when they always do."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return act()
        except (PySparkException, Py4JJavaError) as error:
            if not is_conflict(error):
                raise
            log.warning("%s, attempt %s of %s: another writer was faster", what, attempt, ATTEMPTS)
    raise RewriteConflict(
        f"{what}: other writers committed first, {ATTEMPTS} times; nothing is changed. Look for a second compaction"
    )


def is_conflict(error: Exception) -> bool:
    """Whether Iceberg refused a commit because of what others have committed."""
    # PySpark translates some of Java's exceptions and passes others on; either way the trace names every cause.
    trace = getattr(error, "_stackTrace", None) or str(error)
    return any(name in trace for name in _CONFLICTS)
