from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewTopic

from soh.errors import BadDeclaration, ServerUnreachable
from soh.kafka import admin
from soh.kafka.plan import Plan
from soh.specs import TopicSpec

READINGS = TopicSpec(name="readings", description="Readings.")
GRADES = TopicSpec(name="grades", description="Grades.", partitions=1)
BOTH = Plan(create=(READINGS, GRADES), differences=(), foreign=("somebody_elses",))


@dataclass
class PartitionView:
    leader: int
    replicas: list[int] = field(default_factory=lambda: [1, 2, 3])


@dataclass
class TopicView:
    partitions: dict[int, PartitionView]


@dataclass
class ClusterView:
    topics: dict[str, TopicView]
    brokers: dict[int, object] = field(default_factory=dict)


class Cluster:
    """Stands for AdminClient: remembers what it was told to create, and elects leaders late."""

    def __init__(self, answers: dict[str, int] | None = None, *, leaders_after: int = 0) -> None:
        self.answers = answers or {}
        self.leaders_after = leaders_after
        self.created: list[NewTopic] = []

    def create_topics(self, topics: list[NewTopic], **_: object) -> dict[str, Future[None]]:
        self.created += topics
        futures = {}
        for topic in topics:
            future: Future[None] = Future()
            if code := self.answers.get(topic.topic):
                future.set_exception(KafkaException(KafkaError(code, "in the broker's words")))
            else:
                future.set_result(None)
            futures[topic.topic] = future
        return futures

    def list_topics(self, timeout: float) -> ClusterView:
        self.leaders_after -= 1
        leader = 1 if self.leaders_after < 0 else -1
        return ClusterView(
            {topic.topic: TopicView({0: PartitionView(1), 1: PartitionView(leader)}) for topic in self.created}
        )


@pytest.fixture
def apply(monkeypatch):
    """Apply a plan to a cluster, without waiting between looks."""
    monkeypatch.setattr(admin.time, "sleep", lambda _: None)

    def applied(cluster: Cluster, plan: Plan) -> tuple[str, ...]:
        monkeypatch.setattr(admin, "admin_client", lambda _: cluster)
        return admin.apply("broker:9092", plan)

    return applied


def test_missing_topics_are_created_as_declared_and_nothing_else_is(apply):
    cluster = Cluster()
    assert apply(cluster, BOTH) == ("grades", "readings")
    assert [(new.topic, new.num_partitions, new.replication_factor, new.config) for new in cluster.created] == [
        ("readings", 3, 3, READINGS.config),
        ("grades", 1, 3, GRADES.config),
    ]


def test_a_plan_without_missing_topics_needs_no_broker(monkeypatch):
    monkeypatch.setattr(admin, "admin_client", lambda _: pytest.fail("a broker was asked"))
    assert admin.apply("broker:9092", Plan(create=(), differences=(), foreign=())) == ()


def test_a_topic_that_another_hand_created_meanwhile_is_as_good(apply):
    assert apply(Cluster({"readings": KafkaError.TOPIC_ALREADY_EXISTS}), BOTH) == ("grades",)


def test_new_topics_are_waited_for_until_every_partition_has_a_leader(apply):
    cluster = Cluster(leaders_after=5)
    apply(cluster, BOTH)
    assert cluster.leaders_after == -1


def test_a_topic_that_gets_no_leader_is_named(apply, monkeypatch):
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(admin.time, "monotonic", lambda: next(clock))
    with pytest.raises(ServerUnreachable, match=r"grades, readings created, but without a leader.*30 s"):
        apply(Cluster(leaders_after=1000), BOTH)


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.INVALID_CONFIG,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.POLICY_VIOLATION,
        KafkaError.TOPIC_EXCEPTION,
    ],
)
def test_a_declaration_that_no_broker_takes_is_a_bad_declaration(apply, code):
    with pytest.raises(BadDeclaration, match=r"soh\.specs\.topics.*readings: .*in the broker's words"):
        apply(Cluster({"readings": code}), BOTH)


@pytest.mark.parametrize("code", [KafkaError.INVALID_REPLICATION_FACTOR, KafkaError._TIMED_OUT])
def test_a_failure_that_may_pass_is_an_unreachable_server(apply, code):
    with pytest.raises(ServerUnreachable, match=r"broker:9092.*readings: .*in the broker's words"):
        apply(Cluster({"readings": code}), BOTH)


def test_every_topic_that_failed_is_named(apply):
    cluster = Cluster({"readings": KafkaError._TIMED_OUT, "grades": KafkaError._TIMED_OUT})
    with pytest.raises(ServerUnreachable, match=r"grades: .*; readings: "):
        apply(cluster, BOTH)


@pytest.mark.parametrize(
    ("named", "living", "replication"),
    [
        pytest.param("a:1", 1, 1, id="the-only-one"),
        pytest.param("a:1,b:1,c:1", 1, 3, id="two-of-three-are-down"),
        pytest.param("a:1", 3, 3, id="one-is-named-of-three"),
    ],
)
def test_declarations_are_fitted_to_the_brokers_there_are_up_or_not(monkeypatch, named, living, replication):
    class Brokers:
        def list_topics(self, timeout):
            return ClusterView({}, dict.fromkeys(range(living)))

    monkeypatch.setattr(admin, "admin_client", lambda _: Brokers())
    assert [topic.replication for topic in admin.fitted(named, [READINGS, GRADES])] == [replication, replication]
