"""The consumer that takes every grade from Kafka to the time-series database and commits it afterwards."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from soh.errors import BadInput, ServerUnreachable
from soh.kafka.connection import reason
from soh.serving.backlog import Backlog, Partition
from soh.serving.points import Origin, ScoreReader, expired
from soh.serving.writing import TsdbWriter
from soh.specs import FLEETS
from soh.specs.groups import SCORES_TO_TSDB
from soh.trouble import Trouble

log = logging.getLogger(__name__)

MOST_AT_ONCE = 5_000
"""Records of one write."""
COMMIT_EVERY = timedelta(seconds=1)
PROGRESS_EVERY = timedelta(seconds=30)
LOOK_UP_EVERY = timedelta(milliseconds=500)
"""How long a wait for records may keep this from noticing that it should stop."""
FIRST_PAUSE = timedelta(milliseconds=200)
LONGEST_PAUSE = timedelta(seconds=2)
"""Between two tries to reach a database that is away."""


def consumer_settings(bootstrap: str) -> dict[str, str | int | float | bool]:
    """Settings of librdkafka: commits only by hand, and a killed predecessor is given up soon."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": SCORES_TO_TSDB.name,
        "group.id": SCORES_TO_TSDB.name,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 2_000,
        "socket.timeout.ms": 10_000,
        "reconnect.backoff.max.ms": 2_000,
        # A topic that is made later than the consumer is found within this.
        "topic.metadata.refresh.interval.ms": 10_000,
        "queued.max.messages.kbytes": 8 * 1024,
        # Critical only: what lasts is told by Trouble, in words that say what it means.
        "log_level": 2,
    }


@dataclass(slots=True, kw_only=True)
class Figures:
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


class ScoresToTsdb:
    """Serves the consumer group until it is told to stop.

    While the database is away the partitions are paused and Kafka is still polled, so the group keeps
    its member and nothing is read that could not be kept.
    """

    def __init__(self, bootstrap: str, writer: TsdbWriter) -> None:
        self.figures = Figures()
        self._writer = writer
        self._readers = {fleet.scores.name: ScoreReader(fleet) for fleet in FLEETS.values()}
        self._backlog = Backlog()
        self._trouble = Trouble(log)
        self._stop = False
        self._waiting = False
        self._consumer = Consumer(
            {**consumer_settings(bootstrap), "error_cb": self._kafka_trouble, "on_commit": self._commit_answered}
        )

    def stop(self) -> None:
        """Finish what is being written, commit, leave the group; may be called by a signal."""
        self._stop = True

    def run(self) -> None:
        """Serve until `stop`."""
        self._consumer.subscribe(
            [topic.name for topic in SCORES_TO_TSDB.reads],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )
        committed = told = time.monotonic()
        written = 0
        try:
            while not self._stop:
                self._take(self._read())
                self._write()
                now = time.monotonic()
                if now - committed >= COMMIT_EVERY.total_seconds():
                    committed = now
                    self._commit(self._backlog.to_commit(), wait=False)
                if now - told >= PROGRESS_EVERY.total_seconds():
                    rate = (self.figures.written - written) / (now - told)
                    log.info("%s, %.1f/s, %s unread in Kafka", self.figures, rate, self._lag())
                    told, written = now, self.figures.written
        finally:
            self._commit(self._backlog.to_commit(), wait=True)
            self._consumer.close()
            self._writer.close()
        log.info("stopped: %s; %d read and left to the next start", self.figures, len(self._backlog.points))

    def _read(self) -> list[Message]:
        """The records that are there, after a wait for the first of them only."""
        first = self._consumer.poll(LOOK_UP_EVERY.total_seconds())
        return [] if first is None else [first, *self._consumer.consume(MOST_AT_ONCE - 1, timeout=0)]

    def _take(self, messages: Iterable[Message]) -> None:
        now = time.time()
        for message in messages:
            error = message.error()
            if error is not None:
                self._kafka_trouble(error)
                continue
            origin = Origin(str(message.topic()), int(message.partition() or 0), int(message.offset() or 0))
            try:
                point = self._readers[origin.topic].read(message.value(), origin, message.timestamp()[1])
            except BadInput as problem:
                self.figures.unreadable += 1
                log.warning("%s is no grade and is left there: %s", origin, problem)
                self._backlog.read(origin, None)
                continue
            if expired(point.time, now):
                self.figures.expired += 1
                self._backlog.read(origin, None)
            else:
                self._backlog.read(origin, point)

    def _write(self) -> None:
        """Write what is read, however long the database is away; gives up only when told to stop."""
        pause = FIRST_PAUSE
        away_since = time.monotonic()
        while self._backlog.points:
            try:
                outcome = self._writer.write(self._backlog.points)
            except ServerUnreachable as error:
                self._trouble("%s; %d grades wait for it, more are left in Kafka", error, len(self._backlog.points))
                self._stay_in_group(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                if self._stop:
                    return
                continue
            self.figures.written += len(outcome.written)
            self.figures.expired += len(outcome.expired)
            self.figures.refused += len(outcome.refused)
            for point, why in outcome.refused:
                log.warning("%s is refused by the database and left out: %s", point.origin, why)
            break
        self._backlog.written()
        if self._waiting:
            self._waiting = False
            self._consumer.resume(self._consumer.assignment())
            log.info("InfluxDB takes grades again after %.0f s", time.monotonic() - away_since)

    def _stay_in_group(self, pause: timedelta) -> None:
        """Poll for the length of `pause` without reading on."""
        if not self._waiting:
            self._waiting = True
            self._consumer.pause(self._consumer.assignment())
        until = time.monotonic() + pause.total_seconds()
        while not self._stop and (left := until - time.monotonic()) > 0:
            message = self._consumer.poll(min(left, LOOK_UP_EVERY.total_seconds()))
            if message is not None:
                # Fetched before the pause, or of a partition that has just come.
                self._take([message])

    def _commit(self, offsets: dict[Partition, int], *, wait: bool) -> None:
        """Commit by partition. A commit that fails is no loss: its records are written again, to no effect."""
        if not offsets:
            return
        places = [TopicPartition(*partition, offset) for partition, offset in offsets.items()]
        try:
            if wait:
                self._commit_answered(None, self._consumer.commit(offsets=places, asynchronous=False) or [])
            else:
                self._consumer.commit(offsets=places, asynchronous=True)
        except KafkaException as error:
            self._trouble("Kafka took no commit: %s", reason(error))

    def _commit_answered(self, error: KafkaError | None, places: Sequence[TopicPartition]) -> None:
        failed = error or next((place.error for place in places if place.error), None)
        if failed is not None:
            self._trouble("Kafka took no commit: %s", failed.str())
            return
        self._backlog.committed({(place.topic, place.partition): place.offset for place in places})

    def _assigned(self, consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        log.info("reads %s from now on", _named(places))
        if self._waiting:
            consumer.incremental_assign(list(places))
            consumer.pause(list(places))

    def _revoked(self, _: Consumer, places: Sequence[TopicPartition]) -> None:
        partitions = [(place.topic, place.partition) for place in places]
        self._commit(self._backlog.to_commit(partitions), wait=True)
        self._backlog.forget(partitions)
        log.info("leaves %s to others", _named(places))

    def _lost(self, _: Consumer, places: Sequence[TopicPartition]) -> None:
        self._backlog.forget((place.topic, place.partition) for place in places)
        log.warning("%s went to others without a word: this consumer was not heard of for too long", _named(places))

    def _kafka_trouble(self, error: KafkaError) -> None:
        self._trouble("Kafka: %s", error.str())

    def _lag(self) -> int | str:
        """Records without a commit, as the brokers say."""
        unread = 0
        try:
            for place in self._consumer.committed(self._consumer.assignment(), timeout=2):
                beginning, end = self._consumer.get_watermark_offsets(place, timeout=2)
                unread += end - max(place.offset, beginning)
        except KafkaException:
            return "unknown how many"
        return unread


def _named(places: Iterable[TopicPartition]) -> str:
    return ", ".join(sorted(f"{place.topic}[{place.partition}]" for place in places)) or "nothing"
