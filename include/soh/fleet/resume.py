"""Where a fleet goes on after a restart, from what Kafka holds and what the outbox remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from soh.fleet.source import Record
from soh.fleet.wire import Message, decode, schema_of
from soh.specs.topics import TopicSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """How one topic goes on."""

    delivered: tuple[Message, ...]
    """Messages of the outbox that Kafka has after all: the predecessor died before it was told."""
    resend: tuple[Message, ...]
    """Messages that Kafka does not have, in the order in which they were made."""
    last: dict[int, Record]
    """The last record of each facility id, sent or still to be sent, where there is one."""
    next_seq: dict[int, int]
    """Number of the next record by facility id."""


def resume(
    topic: TopicSpec,
    facilities: Iterable[int],
    *,
    in_kafka: Mapping[int, Record],
    handed_over: Mapping[int, int],
    unacknowledged: Iterable[Message],
) -> Resumption:
    """Decide how `topic` goes on.

    in_kafka: last record of each facility on the topic; handed_over: last seq that the outbox knows,
    which reaches further back than a topic with a retention; unacknowledged: the outbox's messages.

    A facility's messages reach its partition in the order of their seq and without holes (idempotent
    producer), so a message up to the last seq in Kafka is there and a later one is not.
    """
    delivered, resend = [], []
    last = dict(in_kafka)
    for message in unacknowledged:
        known = in_kafka.get(message.facility)
        if known is not None and message.seq <= int(known["seq"]):
            delivered.append(message)
            continue
        resend.append(message)
        if record := decode(schema_of(topic), message.key, message.value):
            last[message.facility] = record
    return Resumption(
        delivered=tuple(delivered),
        resend=tuple(resend),
        last=last,
        next_seq={
            facility: 1 + max(int(last[facility]["seq"]) if facility in last else -1, handed_over.get(facility, -1))
            for facility in facilities
        },
    )
