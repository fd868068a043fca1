"""The fleet's ledger: what Kafka acknowledged to this process, for a count from outside."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from soh.fleet.wire import Message


class _Span(msgspec.Struct, kw_only=True, gc=False):
    """What was acknowledged of one facility."""

    first: int
    last: int
    count: int = 0


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
        self._spans: dict[str, dict[int, _Span]] = {readings: {}, inspections: {}}
        self._names = {"readings": readings, "inspections": inspections}
        self.sent = 0
        self.acknowledged = 0
        self.errors = 0
        self.history: str | None = None
        """How far the past is while it is sent, for people."""

    def acknowledge(self, message: Message) -> None:
        self.acknowledged += 1
        spans, seq = self._spans[message.topic], message.seq
        if (span := spans.get(message.facility)) is None:
            span = spans[message.facility] = _Span(first=seq, last=seq)
        if seq < span.first:
            span.first = seq
        if seq > span.last:
            span.last = seq
        span.count += 1

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
        } | {name: dict(sorted(self._spans[topic].items())) for name, topic in self._names.items()}
        replacement = self._path.with_suffix(".json.new")
        replacement.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
        replacement.replace(self._path)
