"""What both decoders of records answer with, the one in Spark and the one without."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

FIRST_TIME = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
LAST_TIME = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
"""Bounds of the years that dates can have, in microseconds since 1970."""


class Reason(StrEnum):
    """Why a record is unreadable; `MISSING` is followed by `_` and the field's name."""

    EMPTY = "empty"
    OVERSIZED = "oversized"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    """Not one JSON object with nothing but blanks around it."""
    WRONG_TYPE = "wrong_type"
    """A field holds another type than declared, or a number that its type cannot hold."""
    MISSING = "missing"
    EVENT_TIME_OUT_OF_RANGE = "event_time_out_of_range"
