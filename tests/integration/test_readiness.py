"""A consumer group is ready when it reads every partition, asked of real brokers."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from soh.kafka import admin
from soh.kafka.connection import consumer_in
from soh.kafka.plan import plan
from soh.local.readiness import reads_all
from soh.specs.groups import ConsumerGroupSpec
from soh.specs.topics import HEAT_PF, HYDRAULIC_SOH

GROUP = ConsumerGroupSpec(name="readiness", description="Reads two topics.", reads=(HEAT_PF, HYDRAULIC_SOH))


@pytest.fixture
def bootstrap(servers):
    found = servers.home.endpoints.kafka
    names = [topic.name for topic in GROUP.reads]
    admin.apply(found, plan(GROUP.reads, admin.describe(found, names)))
    return found


def seen_within(seconds, condition, consumer):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        consumer.poll(0.2)
    return condition()


def test_a_group_is_ready_once_it_reads_all_of_its_topics_and_no_longer_when_it_left(bootstrap):
    ready = reads_all(bootstrap, GROUP)
    assert not ready()
    with closing(consumer_in(bootstrap, GROUP.name)) as consumer:
        consumer.subscribe([HEAT_PF.name])
        assert seen_within(30, reads_all(bootstrap, GROUP_OF_ONE), consumer)
        assert not ready()
        consumer.subscribe([topic.name for topic in GROUP.reads])
        assert seen_within(30, ready, consumer)
    assert not ready()


GROUP_OF_ONE = ConsumerGroupSpec(name=GROUP.name, description="Reads one of them.", reads=(HEAT_PF,))
