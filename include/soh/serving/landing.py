"""From records to objects on S3: when one is closed, and what stands in it; the decision, no input or output here."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn, TypeGuard

import msgspec

from soh.serving.backlog import Parcel
from soh.serving.records import Origin, Partition, Record
from soh.specs.landing import EVERY, MOST_BYTES, MOST_RECORDS, LandedObject, hour_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When an object is closed; the change of the hour closes it too."""

    every: timedelta = EVERY
    records: int = MOST_RECORDS
    size: int = MOST_BYTES
    """Bytes before they are compressed. An object is longer only if its one record is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """An object that is complete."""

    place: LandedObject
    records: int
    body: bytes

    @property
    def metadata(self) -> dict[str, str]:
        """What is said of it beside its content."""
        return {
            "topic": self.place.topic,
            "partition": str(self.place.partition),
            "first-offset": str(self.place.first),
            "last-offset": str(self.place.last),
            "records": str(self.records),
        }


class _Open:
    """An object that takes more records."""

    def __init__(self, first: Origin, now: datetime) -> None:
        self.first = self.last = first
        self.lines: list[bytes] = []
        self.size = 0
        self._opened = now

    def add(self, origin: Origin, line: bytes) -> None:
        self.lines.append(line)
        self.size += len(line)
        self.last = origin

    def due(self, now: datetime, every: timedelta) -> bool:
        """Its time is over; so it is when the clock was put back."""
        return not self._opened <= now < self._opened + every or hour_of(now) != hour_of(self._opened)

    def close(self) -> Parcel[Closed]:
        topic, partition, first = self.first
        hour = hour_of(self._opened)
        place = LandedObject(topic=topic, partition=partition, first=first, last=self.last.offset, hour=hour)
        # Without its time, so that the same records are the same bytes.
        body = gzip.compress(b"".join(self.lines), mtime=0)
        closed = Closed(place=place, records=len(self.lines), body=body)
        return Parcel(last=self.last, content=closed, records=closed.records)


class Landing:
    """The objects that are open, one a partition; each record goes into exactly one."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[Partition, _Open] = {}

    def take(self, records: Sequence[Record], now: datetime) -> list[Parcel[Closed]]:
        """Add records that were read at `now`; returns the objects that are closed by it, or by the time."""
        due = [partition for partition, found in self._open.items() if found.due(now, self._limits.every)]
        closed = self.release(due)
        for record in records:
            line = line_of(record)
            found = self._open.get(record.partition)
            if found and self._must_not_take(found, record.origin, line):
                closed += self.release([record.partition])
                found = None
            if not found:
                found = self._open[record.partition] = _Open(record.origin, now)
            found.add(record.origin, line)
            if len(found.lines) >= self._limits.records or found.size >= self._limits.size:
                closed += self.release([record.partition])
        return closed

    def release(self, partitions: Iterable[Partition]) -> list[Parcel[Closed]]:
        """Close what is open of some partitions."""
        return [self._open.pop(partition).close() for partition in partitions if partition in self._open]

    def _must_not_take(self, found: _Open, origin: Origin, line: bytes) -> bool:
        # Offsets go back when a topic was deleted and made anew, or when somebody sets the group back.
        return found.size + len(line) > self._limits.size or origin.offset <= found.last.offset


def line_of(record: Record) -> bytes:
    """A record as a line: its value as it came if it is JSON, otherwise its bytes in base64; null if it has none."""
    topic, partition, offset = record.origin
    place = {"topic": topic, "partition": partition, "offset": offset, "timestamp": record.timestamp}
    if is_json(record.value):
        # The text itself: read and written again, a number might be another one. JSON has line ends only where
        # a space does as well.
        value = record.value.translate(_ONE_LINE)
        name = b"value"
    else:
        value = b"null" if record.value is None else b'"' + base64.b64encode(record.value) + b'"'
        name = b"raw"
    return b'%s,"%s":%s}\n' % (msgspec.json.encode(place)[:-1], name, value)


_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


def is_json(value: bytes | None) -> TypeGuard[bytes]:
    """Tell whether a value is one JSON text in UTF-8."""
    if not value:
        return False
    try:
        # Six times as fast; what it does not take may be JSON nevertheless, such as a number beyond all doubles.
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _is_odd_json(value)
    return True


def _is_odd_json(value: bytes) -> bool:
    try:
        json.loads(value.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return False
    return True


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")
