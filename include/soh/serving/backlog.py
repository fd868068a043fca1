"""What a consumer has read and not yet committed; bookkeeping by partition, no input or output here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from soh.serving.records import Origin, Partition

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel(Generic[T]):
    """What is to be written of consecutive records of one partition, all of it at once."""

    last: Origin
    """The last of the records."""
    content: T | None
    """None when there is nothing to write of them."""
    records: int = 1


class Backlog(Generic[T]):
    """Parcels on their way from Kafka to where they are written, and how far each partition may be committed.

    A parcel is first `read`, then `written` together with all that were read before it, then its
    partition is `committed`. A partition that goes to another consumer is forgotten at any point:
    what was read of it and not committed is read again there.
    """

    def __init__(self) -> None:
        self._parcels: list[Parcel[T]] = []
        self._read: dict[Partition, int] = {}
        self._written: dict[Partition, int] = {}

    def read(self, parcel: Parcel[T]) -> None:
        """The records of a parcel were read, and all before them in their partition."""
        self._read[_partition(parcel)] = parcel.last.offset + 1
        if parcel.content is not None:
            self._parcels.append(parcel)

    @property
    def contents(self) -> Sequence[T]:
        """What is read and not written."""
        return [parcel.content for parcel in self._parcels if parcel.content is not None]

    @property
    def records(self) -> int:
        """How many records wait to be written."""
        return sum(parcel.records for parcel in self._parcels)

    def written(self) -> None:
        """Everything read is where it should be."""
        self._written |= self._read
        self._read = {}
        self._parcels = []

    def to_commit(self, partitions: Iterable[Partition] | None = None) -> dict[Partition, int]:
        """The next offset to read, by partition, of those that moved since their last commit."""
        if partitions is None:
            return dict(self._written)
        return {partition: self._written[partition] for partition in partitions if partition in self._written}

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """The broker has taken these; what was written since waits for the next commit."""
        for partition, offset in offsets.items():
            if self._written.get(partition) == offset:
                del self._written[partition]

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Partitions that belong to another consumer now."""
        gone = set(partitions)
        self._parcels = [parcel for parcel in self._parcels if _partition(parcel) not in gone]
        for kept in (self._read, self._written):
            for partition in gone:
                kept.pop(partition, None)


def _partition(parcel: Parcel[T]) -> Partition:
    return parcel.last.topic, parcel.last.partition
