"""Topics and positions on three real brokers."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import NewTopic

from soh.errors import ServerUnreachable
from soh.kafka import admin, positions
from soh.kafka.connection import admin_client
from soh.kafka.plan import plan
from soh.kafka.positions import Positions
from soh.specs import TOPICS


@pytest.fixture(scope="module")
def bootstrap(servers):
    address = servers.home.endpoints.kafka
    admin.apply(address, plan(TOPICS.values(), admin.describe(address, list(TOPICS))))
    return address


def produce(bootstrap: str, topic: str, count: int, partition: int = 0) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    errors = []
    for number in range(count):
        producer.produce(
            topic, value=str(number), partition=partition, on_delivery=lambda error, _: errors.append(error)
        )
    assert producer.flush(30) == 0
    assert errors == [None] * count


def test_created_topics_are_as_declared_and_a_second_plan_finds_nothing_to_do(bootstrap):
    found = admin.describe(bootstrap, list(TOPICS))
    again = plan(TOPICS.values(), found)
    assert again.create == ()
    assert again.differences == ()
    assert found["heat"].partitions == 3
    assert found["heat"].replication == 3
    assert found["heat"].config["min.insync.replicas"].value == "2"


def test_a_topic_with_other_settings_is_reported_and_left_as_it_is(bootstrap):
    longer = replace(TOPICS["heat"], retention=timedelta(hours=48), partitions=6)
    found = plan([longer], admin.describe(bootstrap, ["heat"]))
    assert {(d.setting, d.actual, d.declared) for d in found.differences} == {
        ("partitions", "3", "6"),
        ("retention.ms", "86400000", "172800000"),
    }
    admin.apply(bootstrap, found)
    assert admin.describe(bootstrap, ["heat"])["heat"].partitions == 3


def test_a_foreign_topic_is_listed_and_survives(bootstrap):
    client = admin_client(bootstrap)
    client.create_topics([NewTopic("somebody_elses", 1, 1)])["somebody_elses"].result(20)
    deadline = time.monotonic() + 30
    while not (found := plan(TOPICS.values(), admin.describe(bootstrap, list(TOPICS)))).foreign:
        # Who is asked need not be the broker that made it, and learns of it a moment later.
        assert time.monotonic() < deadline, "the new topic is not listed"
        time.sleep(0.2)
    assert found.foreign == ("somebody_elses",)
    admin.apply(bootstrap, found)
    assert "somebody_elses" in admin.describe(bootstrap, [])


def test_positions_follow_what_is_produced_and_what_a_group_commits(bootstrap):
    asked = Positions(bootstrap)
    before = asked.ends("heat")[1]
    middle = datetime.now(UTC)
    time.sleep(0.05)
    produce(bootstrap, "heat", 10, partition=1)
    assert asked.ends("heat")[1] == before + 10
    assert asked.at_time("heat", middle)[1] == before
    assert asked.at_time("heat", datetime.now(UTC) + timedelta(minutes=1))[1] is None
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "counter",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(["heat"])
    seen = 0
    deadline = time.monotonic() + 30
    while seen < before + 10 and time.monotonic() < deadline:
        message = consumer.poll(1)
        # The servers are shared: other tests' records lie here too.
        if message is not None and message.error() is None and message.partition() == 1:
            seen = message.offset() + 1
    consumer.commit(asynchronous=False)
    consumer.close()
    assert asked.committed("counter", "heat")[1] == before + 10


def test_positions_survive_the_death_of_one_broker(servers, bootstrap):
    servers.supervisor._rpc.signalProcess("kafka-2", "KILL")
    deadline = time.monotonic() + 60
    while True:
        try:
            assert set(Positions(bootstrap).ends("heat")) == {0, 1, 2}
            break
        except ServerUnreachable:
            # Leaders move within the session time-out; longer than a minute would be a fault.
            assert time.monotonic() < deadline
            time.sleep(1)
    produce(bootstrap, "heat", 3)
    servers.wait([servers.services["kafka-2"]])


def test_a_cluster_that_is_not_there_is_named_in_the_error(monkeypatch):
    monkeypatch.setattr(positions, "REQUEST_TIMEOUT", timedelta(seconds=1))
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1"):
        Positions("127.0.0.1:1").ends("heat")
