"""What would make the broker's topics those that are declared; the decision, no input or output here.

Nothing is ever deleted, and nothing that exists is changed: topics that are missing are created,
what differs is told, foreign topics are listed and left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from soh.specs import TopicSpec

_INTERNAL = "__"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigValue:
    """A topic setting as the broker applies it."""

    value: str | None
    source: str
    """Where the broker has it from, in Kafka's words: DYNAMIC_TOPIC_CONFIG, DEFAULT_CONFIG ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerTopic:
    """A topic as the broker has it."""

    partitions: int
    replication: int
    """Of the partition with the fewest replicas."""
    config: Mapping[str, ConfigValue] = field(default_factory=dict)
    """By Kafka's names; empty where nobody asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One setting of one topic that is not as declared."""

    topic: str
    setting: str
    declared: str
    actual: str | None
    source: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.actual} ({self.source}), declared is {self.declared}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be created, and what a person should know."""

    create: tuple[TopicSpec, ...]
    differences: tuple[Difference, ...]
    """Reported, never applied: fewer partitions or a shorter retention cannot be undone."""
    foreign: tuple[str, ...]
    """Topics that nobody declared."""

    def as_json(self) -> dict[str, Any]:
        return {
            "create": [
                {
                    "name": topic.name,
                    "partitions": topic.partitions,
                    "replication": topic.replication,
                    "config": topic.config,
                }
                for topic in self.create
            ],
            "differences": [asdict(difference) for difference in self.differences],
            "foreign": list(self.foreign),
        }

    def as_text(self) -> str:
        """One line a finding, for a log."""
        lines = [
            f"create {topic.name}: {topic.partitions} partitions, replication {topic.replication}"
            for topic in self.create
        ]
        lines += [f"differs {difference}" for difference in self.differences]
        lines += [f"foreign {name}: not declared, left alone" for name in self.foreign]
        return "\n".join(lines) or "every declared topic is on the broker as declared"


def plan(declared: Iterable[TopicSpec], actual: Mapping[str, BrokerTopic]) -> Plan:
    """Compare declarations with what the broker has, by topic name. Only declared settings are compared."""
    topics = {topic.name: topic for topic in declared}
    return Plan(
        create=tuple(topic for name, topic in topics.items() if name not in actual),
        differences=tuple(
            difference
            for name, topic in topics.items()
            if name in actual
            for difference in _differences(topic, actual[name])
        ),
        foreign=tuple(sorted(name for name in actual if name not in topics and not name.startswith(_INTERNAL))),
    )


def _differences(topic: TopicSpec, actual: BrokerTopic) -> Iterable[Difference]:
    has = {
        "partitions": ConfigValue(value=str(actual.partitions), source="TOPIC"),
        "replication": ConfigValue(value=str(actual.replication), source="TOPIC"),
        **actual.config,
    }
    wants = {"partitions": str(topic.partitions), "replication": str(topic.replication), **topic.config}
    unknown = ConfigValue(value=None, source="UNKNOWN_CONFIG")
    for setting, declared in wants.items():
        found = has.get(setting, unknown)
        if found.value != declared:
            yield Difference(
                topic=topic.name, setting=setting, declared=declared, actual=found.value, source=found.source
            )
