from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from soh.errors import ServerUnreachable
from soh.kafka import connection, positions
from soh.kafka.positions import Positions

NOON = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def done(result: object) -> Future:
    future: Future = Future()
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
    return future


class Admin:
    """Stands for AdminClient on a broker with the topic `heat`; its answers to list_offsets are by partition."""

    def __init__(self, offsets: dict[int, int | Exception]) -> None:
        self.offsets = offsets
        self.specs: set[object] = set()

    def describe_topics(self, topics: object, **_: object) -> dict[str, Future]:
        (name,) = topics.topic_names
        if name != "heat":
            return {name: done(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))}
        # Brokers list partitions in any order.
        return {name: done(SimpleNamespace(partitions=[SimpleNamespace(id=p) for p in sorted(self.offsets)[::-1]]))}

    def list_offsets(self, asked: dict[TopicPartition, object], **_: object) -> dict[TopicPartition, Future]:
        self.specs |= set(asked.values())
        answers = {place: self.offsets[place.partition] for place in asked}
        return {
            place: done(answer if isinstance(answer, Exception) else SimpleNamespace(offset=answer))
            for place, answer in answers.items()
        }


class Group:
    """Stands for a consumer that knows its group's commits."""

    def __init__(self, commits: dict[int, int], error: Exception | None = None) -> None:
        self.commits = commits
        self.error = error
        self.closed = False

    def committed(self, places: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        if self.error:
            raise self.error
        return [TopicPartition(place.topic, place.partition, self.commits[place.partition]) for place in places]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def ask(monkeypatch):
    """Positions that ask the given stand-ins."""

    def with_answers(offsets: dict[int, int | Exception], group: Group | None = None) -> tuple[Positions, Admin]:
        client = Admin(offsets)
        monkeypatch.setattr(positions, "admin_client", lambda _: client)
        monkeypatch.setattr(positions, "consumer_in", lambda *_: group)
        monkeypatch.setattr(connection.time, "sleep", lambda _: None)
        return Positions("broker:9092"), client

    return with_answers


def test_ends_and_beginnings_are_by_partition_in_order(ask):
    asked, _ = ask({2: 30, 0: 10, 1: 20})
    assert list(asked.ends("heat").items()) == [(0, 10), (1, 20), (2, 30)]
    assert list(asked.beginnings("heat").items()) == [(0, 10), (1, 20), (2, 30)]


def test_a_time_after_every_record_has_no_offset(ask):
    asked, client = ask({0: 10, 1: -1})
    assert asked.at_time("heat", NOON) == {0: 10, 1: None}
    assert {spec._value for spec in client.specs} == {1740830400000}


def test_a_topic_that_is_not_there_has_no_partitions(ask):
    asked, _ = ask({0: 10}, Group({0: 5}))
    assert asked.ends("nowhere") == asked.beginnings("nowhere") == asked.at_time("nowhere", NOON) == {}
    assert asked.committed("dashboards", "nowhere") == {}


def test_a_group_has_committed_some_partitions_and_others_not(ask):
    group = Group({0: 7, 1: -1001})
    asked, _ = ask({0: 10, 1: 20}, group)
    assert asked.committed("dashboards", "heat") == {0: 7}
    assert group.closed


def test_a_group_whose_coordinator_does_not_answer_is_named(ask):
    group = Group({}, KafkaException(KafkaError(KafkaError._TIMED_OUT)))
    asked, _ = ask({0: 10}, group)
    with pytest.raises(ServerUnreachable, match=r"broker:9092 .* group dashboards .* topic heat"):
        asked.committed("dashboards", "heat")
    assert group.closed


def test_one_partition_without_an_answer_leaves_no_half_an_answer(ask):
    asked, _ = ask({0: 10, 1: KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))})
    with pytest.raises(ServerUnreachable, match=r"broker:9092 .* offsets of topic heat"):
        asked.ends("heat")


@pytest.mark.parametrize(
    "question",
    [
        pytest.param(lambda asked: asked.ends("heat"), id="ends"),
        pytest.param(lambda asked: asked.beginnings("heat"), id="beginnings"),
        pytest.param(lambda asked: asked.at_time("heat", NOON), id="at_time"),
        pytest.param(lambda asked: asked.committed("dashboards", "heat"), id="committed"),
    ],
)
def test_brokers_that_are_down_are_unreachable(monkeypatch, question):
    for module in (positions, connection):
        monkeypatch.setattr(module, "REQUEST_TIMEOUT", timedelta(milliseconds=300))
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1 did not"):
        question(Positions("127.0.0.1:1"))
