"""The consumer that takes every record of a group's topics to a sink and commits it when it is there."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from soh.errors import ServerUnreachable
from soh.kafka.connection import reason
from soh.serving.backlog import Backlog, Parcel
from soh.serving.records import Origin, Partition, Record
from soh.specs import ConsumerGroupSpec
from soh.trouble import Trouble

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_AT_ONCE = 5_000
"""Records of one look into Kafka."""
COMMIT_EVERY = timedelta(seconds=1)
PROGRESS_EVERY = timedelta(seconds=30)
LOOK_UP_EVERY = timedelta(milliseconds=500)
"""How long a wait for records may keep this from noticing that it should stop, and a sink from the time."""
FIRST_PAUSE = timedelta(milliseconds=200)
LONGEST_PAUSE = timedelta(seconds=2)
"""Between two tries to reach a sink that is away."""


class Figures(Protocol):
    """What became of the records read since the start, as a line of the log."""

    written: int

    def __str__(self) -> str: ...


class Sink(Protocol[T]):
    """Where the grades of a group go: the only thing in which two services of this kind differ."""

    name: str
    """What it is called in the log."""

    @property
    def figures(self) -> Figures: ...

    def take(self, records: Sequence[Record]) -> Iterable[Parcel[T]]:
        """Take what was read, and give what is to be written now; asked every LOOK_UP_EVERY though nothing came.

        Of each partition records come in their order, and parcels must go in it.
        """

    def release(self, partitions: Iterable[Partition]) -> Iterable[Parcel[T]]:
        """Give all that was taken of some partitions and not given yet, and keep nothing of them."""

    def write(self, contents: Sequence[T]) -> None:
        """Write all, or raise ServerUnreachable; then the same come again, and more, and nothing may be there twice.

        Never longer than a consumer may be silent in its group.
        """

    def close(self) -> None: ...


def consumer_settings(bootstrap: str, group: str) -> dict[str, str | int | float | bool]:
    """Settings of librdkafka: commits only by hand, and a killed predecessor is given up soon."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": group,
        "group.id": group,
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


class GroupConsumer(Generic[T]):
    """Serves a consumer group until it is told to stop.

    While the sink is away the partitions are paused and Kafka is still polled, so the group keeps its
    member and nothing is read that could not be kept.
    """

    def __init__(self, bootstrap: str, group: ConsumerGroupSpec, sink: Sink[T]) -> None:
        self._group = group
        self._sink = sink
        self._backlog: Backlog[T] = Backlog()
        self._trouble = Trouble(log)
        self._stop = False
        self._waiting = False
        callbacks = {"error_cb": self._kafka_trouble, "on_commit": self._commit_answered}
        self._consumer = Consumer({**consumer_settings(bootstrap, group.name), **callbacks})

    def stop(self) -> None:
        """Write what is open, commit, leave the group; may be called by a signal."""
        self._stop = True

    def run(self) -> None:
        """Serve until `stop`."""
        self._consumer.subscribe(
            [topic.name for topic in self._group.reads],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )
        committed = told = time.monotonic()
        written = left = 0
        figures = self._sink.figures
        try:
            while not self._stop:
                self._take(self._read())
                self._write()
                now = time.monotonic()
                if now - committed >= COMMIT_EVERY.total_seconds():
                    committed = now
                    self._commit(self._backlog.to_commit(), wait=False)
                if now - told >= PROGRESS_EVERY.total_seconds():
                    rate = (figures.written - written) / (now - told)
                    log.info("%s, %.1f/s, %s unread in Kafka", figures, rate, self._lag())
                    told, written = now, figures.written
            left = self._hand_over(self._consumer.assignment())
        finally:
            self._commit(self._backlog.to_commit(), wait=True)
            self._consumer.close()
            self._sink.close()
        log.info("stopped: %s; %d read and left to the next start", figures, left)

    def _read(self) -> list[Message]:
        """The records that are there, after a wait for the first of them only."""
        first = self._consumer.poll(LOOK_UP_EVERY.total_seconds())
        return [] if first is None else [first, *self._consumer.consume(MOST_AT_ONCE - 1, timeout=0)]

    def _take(self, messages: Iterable[Message]) -> None:
        records = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._kafka_trouble(error)
                continue
            origin = Origin(str(message.topic()), int(message.partition() or 0), int(message.offset() or 0))
            records.append(Record(origin=origin, value=message.value(), timestamp=message.timestamp()[1]))
        self._remember(self._sink.take(records))

    def _remember(self, parcels: Iterable[Parcel[T]]) -> None:
        for parcel in parcels:
            self._backlog.read(parcel)

    def _write(self) -> None:
        """Write what is ready, however long the sink is away; gives up only when told to stop."""
        pause = FIRST_PAUSE
        away_since = time.monotonic()
        while contents := self._backlog.contents:
            try:
                self._sink.write(contents)
            except ServerUnreachable as error:
                self._sink_trouble(error)
                self._stay_in_group(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                if self._stop:
                    return
                continue
            break
        self._backlog.written()
        if self._waiting:
            self._waiting = False
            self._consumer.resume(self._consumer.assignment())
            log.info("%s takes grades again after %.0f s", self._sink.name, time.monotonic() - away_since)

    def _stay_in_group(self, pause: timedelta) -> None:
        """Poll for the length of `pause` without reading on."""
        if not self._waiting:
            self._waiting = True
            self._consumer.pause(self._consumer.assignment())
        until = time.monotonic() + pause.total_seconds()
        while not self._stop and (left := until - time.monotonic()) > 0:
            message = self._consumer.poll(min(left, LOOK_UP_EVERY.total_seconds()))
            # One that comes was fetched before the pause, or is of a partition that has just come.
            self._take([] if message is None else [message])

    def _hand_over(self, places: Iterable[TopicPartition]) -> int:
        """Let partitions go: write what is open of them, commit it, forget them.

        There is one try only, and none while the sink is known to be away: what is not written is read again
        by whoever gets the partitions. Returns the number of such records.
        """
        partitions = [(place.topic, place.partition) for place in places]
        self._remember(self._sink.release(partitions))
        if not self._waiting:
            try:
                if contents := self._backlog.contents:
                    self._sink.write(contents)
                self._backlog.written()
            except ServerUnreachable as error:
                self._sink_trouble(error)
        self._commit(self._backlog.to_commit(partitions), wait=True)
        left = self._backlog.records
        self._backlog.forget(partitions)
        return left

    def _commit(self, offsets: dict[Partition, int], *, wait: bool) -> None:
        """Commit by partition. A commit that fails is no loss: its records are written again."""
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
        self._hand_over(places)
        log.info("leaves %s to others", _named(places))

    def _lost(self, _: Consumer, places: Sequence[TopicPartition]) -> None:
        partitions = [(place.topic, place.partition) for place in places]
        # Others read these records already.
        self._sink.release(partitions)
        self._backlog.forget(partitions)
        log.warning("%s went to others without a word: this consumer was not heard of for too long", _named(places))

    def _kafka_trouble(self, error: KafkaError) -> None:
        self._trouble("Kafka: %s", error.str())

    def _sink_trouble(self, error: ServerUnreachable) -> None:
        self._trouble("%s; %d grades wait for it, more are left in Kafka", error, self._backlog.records)

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
