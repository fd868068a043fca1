"""The fleet's ledger: what Kafka acknowledged to this process, for a count from outside."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from soh.fleet.wire import Message


class Ledger:
    """Per topic and facility the first and last acknowledged seq and their number, as a JSON file.

    The file is replaced in one step, so that a reader sees an old ledger or a new one, never half of
    one. It covers one process: a successor begins anew and goes on with the seq.
    """

    def __init__(self, path: Path, *, fleet: str, readings: str, inspections: str) -> None:
        """readings, inspections: names of the fleet's topics."""
        self._path = path
        self._fleet = fleet
        self._started = datetime.now(UTC)
        self._spans: dict[str, dict[int, list[int]]] = {readings: {}, inspections: {}}
        self._names = {"readings": readings, "inspections": inspections}
        self.sent = 0
        self.acknowledged = 0
        self.errors = 0
        self.history: str | None = None
        """How far the past is while it is sent, for people."""

    def acknowledge(self, message: Message) -> None:
        self.acknowledged += 1
        span = self._spans[message.topic].setdefault(message.facility, [message.seq, message.seq, 0])
        span[0] = min(span[0], message.seq)
        span[1] = max(span[1], message.seq)
        span[2] += 1

    def write(self) -> None:
        """Replace the file; OSError when the disk does not take it."""
        content = {
            "fleet": self._fleet,
            "pid": os.getpid(),
            "started": self._started.isoformat(timespec="seconds"),
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "sent": self.sent,
            "acknowledged": self.acknowledged,
            "errors": self.errors,
            "history": self.history,
        } | {
            name: {
                str(facility): dict(zip(("first", "last", "count"), span, strict=True))
                for facility, span in sorted(self._spans[topic].items())
            }
            for name, topic in self._names.items()
        }
        replacement = self._path.with_suffix(".json.new")
        replacement.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        replacement.replace(self._path)
