"""Consumer groups that are watched like streams: readers of Kafka that are not Spark's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from soh.errors import BadDeclaration
from soh.specs._names import by_name, check_name
from soh.specs.topics import TopicSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerGroupSpec:
    """An ordinary consumer group and the topic it must keep up with."""

    name: str
    description: str
    reads: TopicSpec
    stall_after: timedelta = timedelta(minutes=1)
    allowed_lag: int = 0
    """Unread records of a partition that nobody minds."""

    def __post_init__(self) -> None:
        check_name("consumer group", self.name)
        if self.allowed_lag < 0:
            raise BadDeclaration(f"consumer group {self.name}: allowed_lag must not be negative")


CONSUMER_GROUPS: dict[str, ConsumerGroupSpec] = by_name()
