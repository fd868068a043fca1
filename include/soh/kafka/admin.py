"""Read which topics the brokers have, and create those that a plan says are missing."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    ConfigSource,
    NewTopic,
    PartitionMetadata,
)

from soh.errors import BadDeclaration, ServerUnreachable
from soh.kafka.connection import REQUEST_TIMEOUT, admin_client, answers, asking, error_code, reason
from soh.kafka.plan import BrokerTopic, ConfigValue, Plan
from soh.specs import TopicSpec

_LEADERS_WITHIN = timedelta(seconds=30)
_LOOK_EVERY = timedelta(milliseconds=200)

_REFUSED = frozenset(
    {
        KafkaError.INVALID_CONFIG,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.POLICY_VIOLATION,
        KafkaError.TOPIC_EXCEPTION,
    }
)
"""What a broker answers for a declaration that it will never take."""


def describe(bootstrap: str, names: Collection[str]) -> dict[str, BrokerTopic]:
    """Every topic that the brokers have, by name; with its settings if it is one of `names`.

    Raises ServerUnreachable.
    """
    client = admin_client(bootstrap)
    topics = _topics(client, bootstrap)
    config = _config(client, bootstrap, [name for name in names if name in topics])
    return {
        name: BrokerTopic(
            partitions=len(partitions),
            replication=min((len(partition.replicas) for partition in partitions), default=0),
            config=config.get(name, {}),
        )
        for name, partitions in topics.items()
    }


def fitted(bootstrap: str, declared: Iterable[TopicSpec]) -> list[TopicSpec]:
    """The declarations as these brokers can have them: no topic with more replicas than there are brokers.

    There are those that `bootstrap` names, up or not, so that a broker that is down makes no topic smaller, and
    those that the cluster has beyond them. Raises ServerUnreachable.
    """
    with asking(bootstrap, "name its brokers"):
        living = len(admin_client(bootstrap).list_topics(timeout=REQUEST_TIMEOUT.total_seconds()).brokers)
    brokers = max(living, len(bootstrap.split(",")))
    return [topic.on(brokers) for topic in declared]


def apply(bootstrap: str, plan: Plan) -> tuple[str, ...]:
    """Create the missing topics of a plan, and wait until each partition of them has a leader.

    Returns the names of those that were created here; one that another hand created meanwhile is as
    good. Raises BadDeclaration for a topic that the broker refuses for ever, ServerUnreachable for
    all that may pass. Topics created before an error stay, and the next plan does not have them.
    """
    if not plan.create:
        return ()
    client = admin_client(bootstrap)
    futures = client.create_topics(
        [_new_topic(topic) for topic in plan.create],
        operation_timeout=REQUEST_TIMEOUT.total_seconds(),
        request_timeout=REQUEST_TIMEOUT.total_seconds(),
    )
    created: list[str] = []
    errors: dict[str, Exception] = {}
    for name, future in futures.items():
        try:
            future.result(REQUEST_TIMEOUT.total_seconds() + 1)
            created.append(name)
        except KafkaException as error:
            if error_code(error) != KafkaError.TOPIC_ALREADY_EXISTS:
                errors[name] = error
        except TimeoutError as error:
            errors[name] = error
    if errors:
        raise _not_created(bootstrap, errors)
    _wait_for_leaders(client, bootstrap, {topic.name for topic in plan.create})
    return tuple(sorted(created))


def _new_topic(topic: TopicSpec) -> NewTopic:
    return NewTopic(
        topic.name, num_partitions=topic.partitions, replication_factor=topic.replication, config=topic.config
    )


def _not_created(bootstrap: str, errors: dict[str, Exception]) -> BadDeclaration | ServerUnreachable:
    told = "; ".join(f"{name}: {reason(error)}" for name, error in sorted(errors.items()))
    if any(isinstance(error, KafkaException) and error_code(error) in _REFUSED for error in errors.values()):
        return BadDeclaration(f"Kafka at {bootstrap} refuses topics as soh.specs.topics declares them: {told}")
    return ServerUnreachable(f"Kafka at {bootstrap} did not create topics: {told}. Are as many brokers up as replicas?")


def _topics(client: AdminClient, bootstrap: str) -> dict[str, list[PartitionMetadata]]:
    """Partitions of every topic, by name."""
    with asking(bootstrap, "list its topics"):
        found = client.list_topics(timeout=REQUEST_TIMEOUT.total_seconds()).topics
    return {name: list(topic.partitions.values()) for name, topic in found.items()}


def _config(client: AdminClient, bootstrap: str, names: Iterable[str]) -> dict[str, dict[str, ConfigValue]]:
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    if not resources:
        return {}
    with asking(bootstrap, "tell the settings of its topics"):
        found = answers(client.describe_configs(resources, request_timeout=REQUEST_TIMEOUT.total_seconds()))
    return {
        resource.name: {
            key: ConfigValue(value=entry.value, source=ConfigSource(entry.source).name)
            for key, entry in entries.items()
        }
        for resource, entries in found.items()
    }


def _wait_for_leaders(client: AdminClient, bootstrap: str, names: Collection[str]) -> None:
    deadline = time.monotonic() + _LEADERS_WITHIN.total_seconds()
    while leaderless := set(names) - _led(_topics(client, bootstrap)):
        if time.monotonic() > deadline:
            raise ServerUnreachable(
                f"Kafka at {bootstrap}: {', '.join(sorted(leaderless))} created, but without a leader for every "
                f"partition after {_LEADERS_WITHIN.total_seconds():.0f} s. Are as many brokers up as replicas?"
            )
        time.sleep(_LOOK_EVERY.total_seconds())


def _led(topics: Mapping[str, Collection[PartitionMetadata]]) -> set[str]:
    """The topics of which every partition has a leader."""
    return {
        name
        for name, partitions in topics.items()
        if partitions and all(partition.leader >= 0 for partition in partitions)
    }
