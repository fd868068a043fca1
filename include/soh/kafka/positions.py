"""Where a topic begins and ends, where a time is found in it, and how far a consumer group has read."""

from __future__ import annotations

from datetime import datetime

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from soh.kafka.connection import REQUEST_TIMEOUT, admin_client, answers, asking, consumer_in, error_code, once_led


class Positions:
    """Questions to the brokers about offsets, answered by partition.

    A topic that does not exist has no partitions: the answer is empty, and no question creates it.
    Every method raises ServerUnreachable when a broker does not answer or a partition has no leader.
    """

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._client = admin_client(bootstrap)

    def ends(self, topic: str) -> dict[int, int]:
        """The offset that the next record of each partition will get."""
        return self._offsets(topic, OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def beginnings(self, topic: str) -> dict[int, int]:
        """The oldest offset that retention has left in each partition; the end where it left nothing."""
        return self._offsets(topic, OffsetSpec.earliest())  # type: ignore[no-untyped-call]

    def at_time(self, topic: str, moment: datetime) -> dict[int, int | None]:
        """The first offset of each partition with a timestamp at or after `moment`; None where there is none."""
        found = self._offsets(topic, OffsetSpec.for_timestamp(int(moment.timestamp() * 1000)))
        return {partition: offset if offset >= 0 else None for partition, offset in found.items()}

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The offset from which a consumer group would go on, for the partitions it has committed."""
        return {place.partition: place.offset for place in self.commits(group, topic)}

    def commits(self, group: str, topic: str) -> list[TopicPartition]:
        """The same with the metadata of each commit."""
        partitions = [TopicPartition(topic, partition) for partition in self._partitions(topic)]
        if not partitions:
            return []
        # A consumer that never subscribes does not join its group. The admin client has the same question, but
        # librdkafka 2.16 dies of it (SIGSEGV) when the group's coordinator is just moving to another broker.
        consumer = consumer_in(self.bootstrap, group)

        def commits() -> list[TopicPartition]:
            places = consumer.committed(partitions, timeout=REQUEST_TIMEOUT.total_seconds())
            for place in places:
                if place.error:
                    raise KafkaException(place.error)
            return places

        try:
            with asking(self.bootstrap, f"tell what group {group} has committed of topic {topic}"):
                places = once_led(commits)
        finally:
            consumer.close()
        return [place for place in places if place.offset >= 0]

    def _offsets(self, topic: str, spec: OffsetSpec) -> dict[int, int]:
        asked = {TopicPartition(topic, partition): spec for partition in self._partitions(topic)}
        if not asked:
            return {}

        def offsets() -> dict[int, int]:
            futures = self._client.list_offsets(
                asked,
                isolation_level=IsolationLevel.READ_UNCOMMITTED,
                request_timeout=REQUEST_TIMEOUT.total_seconds(),
            )
            return {place.partition: answer.offset for place, answer in answers(futures).items()}

        with asking(self.bootstrap, f"tell the offsets of topic {topic}"):
            return dict(sorted(once_led(offsets).items()))

    def _partitions(self, topic: str) -> list[int]:
        # Not list_topics(): a question about metadata may create the topic.
        futures = self._client.describe_topics(
            TopicCollection([topic]), request_timeout=REQUEST_TIMEOUT.total_seconds()
        )
        with asking(self.bootstrap, f"describe topic {topic}"):
            try:
                description = answers(futures)[topic]
            except KafkaException as error:
                if error_code(error) == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    return []
                raise
        return [partition.id for partition in description.partitions]
