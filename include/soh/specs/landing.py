"""Where grades land on S3: what an object there holds, how often one is made, and how it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from soh.errors import BadInput

PREFIX = "landing"
"""Of every key, in the bucket of the lake."""

EVERY = timedelta(minutes=1)
"""An object takes what comes in this time, unless it is full before."""
MOST_RECORDS = 10_000
MOST_BYTES = 4 * 1024 * 1024
"""Of an object before it is compressed."""

_KEY = re.compile(
    rf"{PREFIX}/(?P<topic>[^/]+)/(?P<hour>\d{{4}}/\d\d/\d\d/\d\d)/"
    r"(?P<partition>0|[1-9]\d*)-(?P<first>\d{20})-(?P<last>\d{20})\.jsonl\.gz"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedObject:
    """One object: consecutive records of a partition as gzipped JSON lines, in the order of their offsets.

    After a crash records may be in two objects with different names, also of different hours: a row is
    unique by (partition, offset) only once its reader has made it so.
    """

    topic: str
    partition: int
    first: int
    """Offset of the first record."""
    last: int
    """Offset of the last one."""
    hour: datetime
    """The hour, in UTC, in which the first record was read. It may end up on S3 later, if that was away."""

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last or self.partition < 0:
            raise BadInput(
                f"no object holds offsets {self.first} to {self.last} of partition {self.partition}; "
                "they must not be negative, nor the last one before the first"
            )
        if self.hour != hour_of(self.hour):
            raise BadInput(f"{self.hour} is not the beginning of an hour")

    @property
    def key(self) -> str:
        """Its name in the bucket; of one partition and hour they sort by offset."""
        return f"{hour_prefix(self.topic, self.hour)}{self.partition}-{self.first:020d}-{self.last:020d}.jsonl.gz"

    @classmethod
    def parse(cls, key: str) -> LandedObject:
        """The object of a key. Raises BadInput for a key that is of none."""
        found = _KEY.fullmatch(key)
        try:
            if not found:
                raise ValueError("another form")
            hour = datetime.strptime(found["hour"], "%Y/%m/%d/%H").replace(tzinfo=UTC)
        except ValueError as error:
            wanted = f"{PREFIX}/TOPIC/YYYY/MM/DD/HH/PARTITION-FIRST-LAST.jsonl.gz"
            raise BadInput(f"{key} is no landed object ({error}); it must be {wanted}") from None
        partition, first, last = (int(found[part]) for part in ("partition", "first", "last"))
        return cls(topic=found["topic"], partition=partition, first=first, last=last, hour=hour)


def hour_of(moment: datetime) -> datetime:
    """Beginning of the hour of a time, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def topic_prefix(topic: str) -> str:
    """What the keys of everything landed of a topic begin with."""
    return f"{PREFIX}/{topic}/"


def hour_prefix(topic: str, hour: datetime) -> str:
    """What the keys of all objects of a topic and an hour begin with: listing is slow, so list by the hour."""
    return f"{topic_prefix(topic)}{hour.astimezone(UTC):%Y/%m/%d/%H}/"
