"""Kafka topics: what the broker must have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from soh.errors import BadDeclaration
from soh.specs import schemas
from soh.specs._names import by_name, check_name
from soh.specs.schemas import RecordSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """One topic and the broker settings that are ours to decide."""

    name: str
    description: str
    schema: RecordSchema | None = None
    partitions: int = 3
    replication: int = 3
    min_insync: int = 2
    retention: timedelta = timedelta(hours=24)
    max_message_size: int = 1024 * 1024
    """Bytes, record overhead included."""

    def __post_init__(self) -> None:
        check_name("topic", self.name)
        if self.partitions < 1 or self.retention <= timedelta(0):
            raise BadDeclaration(f"topic {self.name}: needs at least one partition, and a retention above 0")
        if not 1 <= self.min_insync <= self.replication:
            raise BadDeclaration(f"topic {self.name}: min_insync must be between 1 and replication")
        if self.schema and self.schema.max_size > self.max_message_size:
            raise BadDeclaration(f"topic {self.name}: its schema allows longer messages than the broker takes")

    def on(self, brokers: int) -> TopicSpec:
        """This topic where there are so many brokers: never more replicas, and one of several may be lost."""
        replication = min(self.replication, brokers)
        if replication == self.replication:
            return self
        return replace(self, replication=replication, min_insync=min(self.min_insync, max(1, replication - 1)))

    @property
    def config(self) -> dict[str, str]:
        """Topic settings under Kafka's names; only these are compared with the broker's."""
        return {
            "cleanup.policy": "delete",
            "max.message.bytes": str(self.max_message_size),
            "min.insync.replicas": str(self.min_insync),
            "retention.ms": str(int(self.retention.total_seconds() * 1000)),
        }


def dead_letters_of(topic: TopicSpec) -> TopicSpec:
    """The topic that takes the unreadable records of `topic`, bytes unchanged, reason in the headers."""
    return TopicSpec(
        name=f"{topic.name}_dead",
        description=f"Unreadable records of {topic.name}, unchanged; reason and origin are in the headers.",
        partitions=1,
        retention=timedelta(days=14),
        # The headers come on top of a message that may itself be as long as its topic allows.
        max_message_size=topic.max_message_size + 64 * 1024,
    )


HEAT = TopicSpec(name="heat", description="Readings of the power facilities.", schema=schemas.HEAT_READING)
HEAT_DEAD = dead_letters_of(HEAT)
HEAT_INSPECTIONS = TopicSpec(
    name="heat_inspections",
    description="What inspections of the power facilities found, published late.",
    schema=schemas.HEAT_INSPECTION,
    partitions=1,
    retention=timedelta(days=14),
)
HYDRAULIC = TopicSpec(
    name="hydraulic", description="Readings of the hydraulic test rig.", schema=schemas.HYDRAULIC_READING
)
HYDRAULIC_DEAD = dead_letters_of(HYDRAULIC)
HYDRAULIC_INSPECTIONS = TopicSpec(
    name="hydraulic_inspections",
    description="The experimenters' grades, published after each cycle.",
    schema=schemas.HYDRAULIC_INSPECTION,
    partitions=1,
    retention=timedelta(days=14),
)
HEAT_PF = TopicSpec(
    name="heat_pf",
    description="Power factors and state of health of the power facilities, one record a reading.",
    schema=schemas.HEAT_SCORE,
)
HYDRAULIC_SOH = TopicSpec(
    name="hydraulic_soh",
    description="State of health of the hydraulic power units, one record a reading.",
    schema=schemas.HYDRAULIC_SCORE,
)
PLATFORM_CHECK = TopicSpec(
    name="platform_check",
    description="One record a run of the Dag platform_check, written and read back.",
    partitions=1,
    retention=timedelta(hours=1),
)

TOPICS = by_name(
    HEAT,
    HEAT_DEAD,
    HEAT_INSPECTIONS,
    HEAT_PF,
    HYDRAULIC,
    HYDRAULIC_DEAD,
    HYDRAULIC_INSPECTIONS,
    HYDRAULIC_SOH,
    PLATFORM_CHECK,
)
