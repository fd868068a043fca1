from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from soh.errors import BadDeclaration
from soh.specs.schemas import HEAT_READING
from soh.specs.topics import HEAT, TOPICS, TopicSpec, dead_letters_of

REFUSED = {
    "bad-name": ({"name": "heat-raw"}, "topic 'heat-raw'"),
    "no-partition": ({"partitions": 0}, "at least one partition"),
    "no-retention": ({"retention": timedelta(0)}, "retention above 0"),
    "more-in-sync-than-replicas": ({"replication": 1, "min_insync": 2}, "min_insync must be between 1 and replication"),
    "none-in-sync": ({"min_insync": 0}, "min_insync must be between 1 and replication"),
    "shorter-messages-than-its-schema": (
        {"schema": HEAT_READING, "max_message_size": 1000},
        "schema allows longer messages",
    ),
}


@pytest.mark.parametrize(("differing", "complaint"), REFUSED.values(), ids=REFUSED.keys())
def test_a_topic_that_contradicts_itself_is_refused(differing, complaint):
    with pytest.raises(BadDeclaration, match=complaint):
        TopicSpec(**({"name": "heat", "description": "Readings."} | differing))


def test_settings_have_the_broker_s_names_and_units():
    topic = replace(HEAT, retention=timedelta(hours=24), min_insync=2, max_message_size=1048576)
    assert topic.config == {
        "cleanup.policy": "delete",
        "max.message.bytes": "1048576",
        "min.insync.replicas": "2",
        "retention.ms": "86400000",
    }


@pytest.mark.parametrize(
    ("brokers", "replication", "min_insync"),
    [
        pytest.param(1, 1, 1, id="one"),
        pytest.param(2, 2, 1, id="two-of-which-one-may-be-lost"),
        pytest.param(3, 3, 2, id="as-many-as-replicas"),
        pytest.param(10, 3, 2, id="more"),
    ],
)
def test_a_topic_has_no_more_replicas_than_there_are_brokers(brokers, replication, min_insync):
    topic = HEAT.on(brokers)
    assert topic == replace(HEAT, replication=replication, min_insync=min_insync)


def test_dead_letters_take_the_longest_message_with_its_headers_and_are_kept_longer():
    dead = dead_letters_of(HEAT)
    assert dead.name == "heat_dead"
    assert dead.max_message_size > HEAT.max_message_size
    assert dead.retention > HEAT.retention


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS.keys())
def test_every_topic_outlives_one_broker(topic):
    assert topic.replication == 3
    assert topic.min_insync == 2
