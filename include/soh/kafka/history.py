"""Where a fleet's history ends on its topics: readings of before its first start, which are archived and not graded.

Kafka itself keeps the answer, where every reader can ask for it: commits of a group that nobody reads in.
"""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import KafkaException, TopicPartition

from soh.kafka.connection import asking, consumer_in
from soh.kafka.positions import Positions
from soh.specs import FleetSpec, HistoryState


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the commits say of one topic."""

    state: HistoryState
    ends: dict[int, int]
    """By partition, the offset of the first record after the history; of no meaning while it is being sent."""


def note(bootstrap: str, fleet: FleetSpec, state: HistoryState) -> None:
    """Commit that the history of `fleet` is being sent, or that it ends where its topics end now.

    Raises ServerUnreachable.
    """
    positions = Positions(bootstrap)
    places = [
        TopicPartition(topic.name, partition, offset, state.value)
        for topic in (fleet.readings, fleet.inspections)
        for partition, offset in positions.ends(topic.name).items()
    ]
    consumer = consumer_in(bootstrap, fleet.history_group)
    try:
        with asking(bootstrap, f"take the commits of group {fleet.history_group}"):
            for place in consumer.commit(offsets=places, asynchronous=False) or []:
                if place.error:
                    raise KafkaException(place.error)
    finally:
        consumer.close()


def history(bootstrap: str, fleet: FleetSpec, topic: str) -> History | None:
    """What is known of the history of `fleet` on its topic; None where there is none. Raises ServerUnreachable."""
    noted = Positions(bootstrap).commits(fleet.history_group, topic)
    if not noted:
        return None
    being_sent = any(place.metadata != HistoryState.SENT for place in noted)
    return History(
        state=HistoryState.SENDING if being_sent else HistoryState.SENT,
        ends={place.partition: place.offset for place in noted},
    )
