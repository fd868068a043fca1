"""Consumer groups that are watched like streams: readers of Kafka that are not Spark's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from soh.errors import BadDeclaration
from soh.specs._names import by_name, check_name
from soh.specs.fleets import FLEETS
from soh.specs.landing import EVERY
from soh.specs.topics import TopicSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerGroupSpec:
    """An ordinary consumer group and the topics it must keep up with."""

    name: str
    description: str
    reads: tuple[TopicSpec, ...]
    stall_after: timedelta = timedelta(minutes=1)
    allowed_lag: int = 0
    """Unread records of a partition that nobody minds."""

    def __post_init__(self) -> None:
        check_name("consumer group", self.name)
        if not self.reads:
            raise BadDeclaration(f"consumer group {self.name} reads no topic")
        if self.allowed_lag < 0:
            raise BadDeclaration(f"consumer group {self.name}: allowed_lag must not be negative")


SCORES_TO_TSDB = ConsumerGroupSpec(
    name="scores_to_tsdb",
    description="Write every grade to the time-series database.",
    reads=tuple(fleet.scores for fleet in FLEETS.values()),
)
SCORES_TO_S3 = ConsumerGroupSpec(
    name="scores_to_s3",
    description="Land every grade on S3, in small objects.",
    reads=tuple(fleet.scores for fleet in FLEETS.values()),
    # It commits when an object is full or its time is over.
    stall_after=3 * EVERY,
)
RAREST_LANDING = SCORES_TO_S3.stall_after // 2
"""With objects any rarer than this, the watch would take a service that works for one that stands still."""

CONSUMER_GROUPS = by_name(SCORES_TO_TSDB, SCORES_TO_S3)
