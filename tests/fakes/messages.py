"""Messages as sensors and inspectors send them."""

import json
from datetime import UTC, datetime
from typing import Any

SENT = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
"""The Kafka timestamp of every record."""
NOW = SENT.timestamp()


def heat(**changes: Any) -> dict[str, Any]:
    """A readable message on topic `heat` under the English names; a change to None is a null."""
    return {"facility_id": 100, "seq": 7, "event_time": NOW, "temperature": 41.5, **changes}


def inspection(**changes: Any) -> dict[str, Any]:
    """A readable message on topic `heat_inspections`."""
    times = {"event_time": NOW, "from": NOW - 3600, "to": NOW}
    return {"facility_id": 100, **times, "condition": "loose_contact", "state": "warning", **changes}


def without(message: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in keys}


def text(message: Any) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()
