"""Grades into the time-series database: each is a point there, or counted as what else became of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from soh.errors import BadInput
from soh.serving.backlog import Parcel
from soh.serving.points import Point, ScoreReader, expired
from soh.serving.records import Partition, Record
from soh.serving.writing import TsdbWriter
from soh.specs import FLEETS

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class PointFigures:
    """What became of the records read since the start."""

    written: int = 0
    expired: int = 0
    """Older than the retention of the database."""
    refused: int = 0
    """By the database."""
    unreadable: int = 0

    def __str__(self) -> str:
        return (
            f"{self.written} written, {self.expired} too old, "
            f"{self.refused} refused by the database, {self.unreadable} unreadable"
        )


class TsdbSink:
    """Writes every grade as it comes; one that is there already is written again to no effect."""

    name = "InfluxDB"

    def __init__(self, writer: TsdbWriter) -> None:
        self.figures = PointFigures()
        self._writer = writer
        self._readers = {fleet.scores.name: ScoreReader(fleet) for fleet in FLEETS.values()}

    def take(self, records: Sequence[Record]) -> list[Parcel[Point]]:
        now = time.time()
        return [Parcel(last=record.origin, content=self._point(record, now)) for record in records]

    def release(self, partitions: Iterable[Partition]) -> tuple[()]:  # noqa: ARG002
        """Nothing is kept back."""
        return ()

    def write(self, contents: Sequence[Point]) -> None:
        outcome = self._writer.write(contents)
        self.figures.written += len(outcome.written)
        self.figures.expired += len(outcome.expired)
        self.figures.refused += len(outcome.refused)
        for point, why in outcome.refused:
            log.warning("%s is refused by the database and left out: %s", point.origin, why)

    def close(self) -> None:
        self._writer.close()

    def _point(self, record: Record, now: float) -> Point | None:
        """None for what the database need not be asked about."""
        try:
            point = self._readers[record.origin.topic].read(record.value, record.origin, record.timestamp)
        except BadInput as problem:
            self.figures.unreadable += 1
            log.warning("%s is no grade and is left there: %s", record.origin, problem)
            return None
        if expired(point.time, now):
            self.figures.expired += 1
            return None
        return point
