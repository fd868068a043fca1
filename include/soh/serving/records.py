"""A record of Kafka as those who write it elsewhere take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Partition = tuple[str, int]
"""Topic and number."""


class Origin(NamedTuple):
    """Where a record lies in Kafka."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record with its place and its time."""

    origin: Origin
    value: bytes | None
    timestamp: int
    """Kafka's, in milliseconds since 1970."""

    @property
    def partition(self) -> Partition:
        return self.origin.topic, self.origin.partition
