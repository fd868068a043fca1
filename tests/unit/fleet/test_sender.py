import asyncio
import logging
from datetime import timedelta

import pytest
from confluent_kafka import KafkaError, Producer

from soh.errors import ServerUnreachable
from soh.fleet.ledger import Ledger
from soh.fleet.outbox import Outbox
from soh.fleet.sender import Sender, producer_settings
from soh.fleet.wire import Message
from soh.trouble import Trouble


@pytest.fixture
def outbox(tmp_path) -> Outbox:
    return Outbox(tmp_path, "heat")


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "heat.json", fleet="heat", readings="heat", inspections="heat_inspections")


def sender(outbox: Outbox, ledger: Ledger, **settings: object) -> Sender:
    known = producer_settings("127.0.0.1:1", "test", 15.0)
    return Sender(known | settings, outbox, ledger, Trouble(logging.getLogger("test")))


def messages(number: int) -> list[Message]:
    return [Message(topic="heat", facility=100, seq=seq, value=b"{}") for seq in range(number)]


def test_kafka_s_client_knows_all_settings_and_they_lose_nothing_and_double_nothing():
    settings = producer_settings("127.0.0.1:1", "test", 15.0)
    Producer(settings)
    assert settings["acks"] == "all"
    assert settings["enable.idempotence"] is True
    assert settings["partitioner"] == "murmur2_random"
    assert settings["message.timeout.ms"] == 0


@pytest.mark.parametrize(("rate", "linger"), [(15.0, 50), (99.9, 50), (100.0, 200), (20_000.0, 200)])
def test_readings_of_a_large_fleet_wait_longer_to_share_requests(rate, linger):
    assert producer_settings("127.0.0.1:1", "test", rate)["linger.ms"] == linger


def test_acknowledged_messages_leave_the_outbox_and_enter_the_ledger(outbox, ledger):
    # The client library's own cluster of one broker, inside this process.
    one = sender(outbox, ledger, **{"test.mock.num.brokers": 1})
    outbox.hand_over(messages(3))
    assert all(one.send(message) for message in messages(3))
    asyncio.run(one.finish(timedelta(seconds=10)))
    assert (ledger.sent, ledger.acknowledged, ledger.errors) == (3, 3, 0)
    assert outbox.unacknowledged == {}


def test_what_was_not_delivered_stays_in_the_outbox_and_is_no_error(outbox, ledger):
    one = sender(outbox, ledger)
    outbox.hand_over(messages(3))
    assert all(one.send(message) for message in messages(3))
    asyncio.run(one.finish(timedelta(milliseconds=100)))
    assert (ledger.sent, ledger.acknowledged, ledger.errors) == (3, 0, 0)
    assert len(outbox.unacknowledged) == 3


def test_a_full_queue_is_told_and_takes_nothing(outbox, ledger):
    one = sender(outbox, ledger, **{"queue.buffering.max.messages": 2})
    assert [one.send(message) for message in messages(3)] == [True, True, False]
    assert ledger.sent == 2


def test_a_refused_record_ends_the_client_and_stays_in_the_outbox(outbox, ledger):
    one = sender(outbox, ledger)
    outbox.hand_over(messages(1))
    one._delivered(messages(1)[0], KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), None)
    with pytest.raises(ServerUnreachable, match=r"Kafka refused records: .*they will be sent again"):
        one.poll()
    assert ledger.errors == 1
    assert len(outbox.unacknowledged) == 1
