"""What a consumer has read and not yet committed; bookkeeping by partition, no input or output here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from soh.serving.points import Origin, Point

Partition = tuple[str, int]


class Backlog:
    """Grades on their way from Kafka to the database, and how far each partition may be committed.

    A record is first `read`, then `written` together with all that were read before it, then its
    partition is `committed`. A partition that goes to another consumer is forgotten at any point:
    what was read of it and not committed is read again there.
    """

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._read: dict[Partition, int] = {}
        self._written: dict[Partition, int] = {}

    def read(self, origin: Origin, point: Point | None) -> None:
        """A record was read; None when there is nothing to write of it."""
        self._read[origin.topic, origin.partition] = origin.offset + 1
        if point is not None:
            self._points.append(point)

    @property
    def points(self) -> Sequence[Point]:
        """What is read and not written."""
        return self._points

    @property
    def done(self) -> bool:
        """Everything read is written."""
        return not self._read

    def written(self) -> None:
        """Everything read is in the database."""
        self._written |= self._read
        self._read = {}
        self._points = []

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
        self._points = [point for point in self._points if (point.origin.topic, point.origin.partition) not in gone]
        for kept in (self._read, self._written):
            for partition in gone:
                kept.pop(partition, None)
