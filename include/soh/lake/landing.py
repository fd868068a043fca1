"""The landing on S3: what has arrived, what it holds, and what is taken away once it is in the lake."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from soh import s3
from soh.errors import BadInput, ServerUnreachable
from soh.specs.landing import LandedObject, topic_prefix

UNREADABLE = "landing_unreadable"
"""Folder of the bucket for records that are no readable grades; nothing deletes them."""
UNREADABLE_LINES = 10_000
"""Records in one object there."""

_AT_ONCE = 1000
"""Keys in one request to delete; the protocol takes no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedRecord:
    """One record of a landed object."""

    partition: int
    offset: int
    timestamp: int
    """Its Kafka timestamp, milliseconds since 1970."""
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record that is no readable grade, and why."""

    partition: int
    offset: int
    timestamp: int
    """Milliseconds since 1970."""
    value: bytes
    reason: str


@dataclass(frozen=True, kw_only=True)
class Landing:
    """The landing of one bucket. Goes to the executors, so it connects where it is used."""

    endpoint: str
    """`http://host:port` of the object store."""
    bucket: str
    """`s3://bucket`."""
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    def objects(self, topic: str) -> tuple[list[LandedObject], list[str]]:
        """Every landed object of `topic`, and the keys beside them that are none. Raises ServerUnreachable.

        Hour by hour: a store on a folder takes the square of the number of objects for a list.
        """
        found: list[LandedObject] = []
        foreign: list[str] = []
        for hour in self._folders(topic_prefix(topic), depth=4):
            for page in self._pages(Prefix=hour):
                for entry in page.get("Contents", ()):
                    try:
                        found.append(LandedObject.parse(entry["Key"]))
                    except BadInput:
                        foreign.append(entry["Key"])
        return found, foreign

    def records(self, landed: LandedObject) -> list[LandedRecord]:
        """The records of one object.

        Raises BadInput for an object that does not hold what its key says, ServerUnreachable when it cannot be had.
        """
        with s3.asking(self.endpoint, f"give {self._uri(landed.key)}"):
            content = s3.get(self._store, self._bucket, landed.key)
        if content is None:
            raise ServerUnreachable(
                f"{self._uri(landed.key)} was listed and is gone; nothing but a fold deletes it: look for a second one"
            )
        try:
            found = [_record(line) for line in gzip.decompress(content).splitlines()]
        except (EOFError, OSError, ValueError, TypeError, KeyError, zlib.error) as error:
            raise BadInput(self._complaint(landed, f"{type(error).__name__}: {error}")) from None
        offsets = [record.offset for record in found]
        if {record.partition for record in found} != {landed.partition} or (min(offsets), max(offsets)) != (
            landed.first,
            landed.last,
        ):
            raise BadInput(self._complaint(landed, "its records are of other offsets or of another partition"))
        return found

    def put_unreadable(self, topic: str, records: Iterable[Unreadable]) -> int:
        """Keep records (in the order of partitions and offsets) aside, some thousands an object; returns how many.

        What is put again by a repeated fold may be in two objects, unique by partition and offset like the landing.
        Raises ServerUnreachable.
        """
        count = 0
        for chunk in _chunks(records):
            first, last = chunk[0], chunk[-1]
            key = f"{UNREADABLE}/{topic}/{first.partition}-{first.offset:020}-{last.offset:020}.jsonl.gz"
            lines = "".join(json.dumps(_line(topic, record)) + "\n" for record in chunk)
            with s3.asking(self.endpoint, f"take {self._uri(key)}"):
                self._store.put_object(Bucket=self._bucket, Key=key, Body=gzip.compress(lines.encode(), mtime=0))
            count += len(chunk)
        return count

    def delete(self, objects: Sequence[LandedObject]) -> None:
        """Delete objects; one that is gone already counts as deleted. Raises ServerUnreachable."""
        for begin in range(0, len(objects), _AT_ONCE):
            keys = [{"Key": landed.key} for landed in objects[begin : begin + _AT_ONCE]]
            with s3.asking(self.endpoint, f"delete {len(keys)} landed objects in {self.bucket}"):
                answer = self._store.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})
            if refused := answer.get("Errors"):
                raise ServerUnreachable(
                    f"the object store at {self.endpoint} did not delete {len(refused)} of {len(keys)} landed objects, "
                    f"the first {refused[0].get('Key')}: {refused[0].get('Message')}"
                )

    def _folders(self, prefix: str, depth: int) -> list[str]:
        if not depth:
            return [prefix]
        below = [
            entry["Prefix"]
            for page in self._pages(Prefix=prefix, Delimiter="/")
            for entry in page.get("CommonPrefixes", ())
        ]
        return [folder for entry in sorted(below) for folder in self._folders(entry, depth - 1)]

    def _pages(self, **what: str) -> Iterator[dict[str, Any]]:
        with s3.asking(self.endpoint, f"list {self._uri(what['Prefix'])}"):
            yield from self._store.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, **what)

    @cached_property
    def _store(self) -> Any:
        return s3.client(self.endpoint, self.access_key, self.secret_key)

    def __getstate__(self) -> dict[str, Any]:
        # A connection does not travel.
        return {part.name: getattr(self, part.name) for part in fields(self)}

    @property
    def _bucket(self) -> str:
        return urlsplit(self.bucket).netloc

    def _uri(self, key: str) -> str:
        return f"{self.bucket}/{key}"

    def _complaint(self, landed: LandedObject, what: str) -> str:
        return (
            f"{self._uri(landed.key)} does not hold what its key says: {what}. Nothing is folded past it; look at it, "
            f"and move it out of the landing: its records are then reported as missing"
        )


def _record(line: bytes) -> LandedRecord:
    parts = json.loads(line)
    # As the bytes that were on the topic, or as good as: what makes a grade readable is said in one place.
    # A record without a value has nothing in `raw`.
    value = (
        base64.b64decode(parts["raw"] or "", validate=True) if "raw" in parts else json.dumps(parts["value"]).encode()
    )
    numbers = (parts["partition"], parts["offset"], parts["timestamp"])
    if not all(type(number) is int for number in numbers):
        raise ValueError(f"partition, offset and timestamp are {numbers}, which must be whole numbers")
    return LandedRecord(partition=numbers[0], offset=numbers[1], timestamp=numbers[2], value=value)


def _line(topic: str, record: Unreadable) -> dict[str, Any]:
    return {
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "raw": base64.b64encode(record.value).decode(),
        "reason": record.reason,
    }


def _chunks(records: Iterable[Unreadable]) -> Iterator[list[Unreadable]]:
    """Stretches of one partition each."""
    chunk: list[Unreadable] = []
    for record in records:
        if chunk and (record.partition != chunk[0].partition or len(chunk) == UNREADABLE_LINES):
            yield chunk
            chunk = []
        chunk.append(record)
    if chunk:
        yield chunk
