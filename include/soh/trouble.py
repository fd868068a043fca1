"""Warnings about what lasts: a broker that is away for an hour is one trouble, not thousands."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

REPEAT_AFTER = timedelta(seconds=30)


class Trouble:
    """Logs a warning, and the next one of its kind only after REPEAT_AFTER."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told: dict[str, float] = {}

    def __call__(self, text: str, *values: object) -> None:
        """`text`, a %-format, is the kind."""
        now = time.monotonic()
        if now - self._told.get(text, -REPEAT_AFTER.total_seconds()) >= REPEAT_AFTER.total_seconds():
            self._told[text] = now
            self._log.warning(text, *values)
