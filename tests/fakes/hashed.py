"""Rows of every kind of value that the lake has, and the hashes that Spark gives them."""

from __future__ import annotations

from datetime import UTC, date, datetime

COLUMNS = {
    "facility_id": "bigint",
    "value": "double",
    "text": "string",
    "event_time": "timestamp",
    "event_date": "date",
    "kafka_partition": "int",
}

ROWS = [
    (100, 1.5, "normal", datetime(2026, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC), date(2026, 5, 1), 0),
    (-1, -0.0, "", datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), date(1969, 12, 31), -7),
    (2**63 - 1, 0.0, "é", None, None, 2**31 - 1),
    (-(2**63), float("inf"), "온도 of a text that is longer than thirty-two bytes, by far", None, date(1, 1, 1), None),
    (None, None, None, None, None, None),
    (7, 1e-320, "exactly four", datetime(2026, 5, 1, tzinfo=UTC), date(9999, 12, 31), 1),
    (8, -1e308, "seven b", datetime(2026, 5, 1, tzinfo=UTC), date(2026, 5, 1), 1),
    (9, 3.0, "thirty-two bytes are in this txt", datetime(2026, 5, 1, tzinfo=UTC), date(2026, 5, 1), 1),
]

HASHES = [
    -8304162197273031180,
    7873046210158087788,
    -3624347070676979469,
    4849554693819646673,
    3910006591956627685,
    6501351815788959218,
    -6903485509419630420,
    -6755546695269642925,
]
