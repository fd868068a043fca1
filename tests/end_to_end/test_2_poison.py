"""Unreadable messages go to the dead letters with their reasons; nothing is lost and nothing stops."""

from __future__ import annotations

import json
import time

import pytest
from confluent_kafka import Producer
from tests.end_to_end.scratch import wait_for

NOW = time.time()

POISON = {
    "not_json": b"this is not JSON",
    "wrong_type": json.dumps({"facility_id": 100, "event_time": NOW, "temperature": "hot"}).encode(),
    "missing_facility_id": json.dumps({"event_time": NOW, "temperature": 20.0}).encode(),
    "missing_event_time": json.dumps({"facility_id": 100, "temperature": 20.0}).encode(),
    "event_time_out_of_range": json.dumps({"facility_id": 100, "event_time": NOW + 10 * 86400}).encode(),
    "oversized": json.dumps({"facility_id": 100, "event_time": NOW, "note": "x" * 200_000}).encode(),
    "not_utf8": b'{"facility_id": 100, "event_time": 1, "x": "\xff\xfe"}',
    "empty": b"",
}


@pytest.fixture(scope="module")
def sent(streaming):
    """Reason -> (partition, offset) of one poisoned message each."""
    producer = Producer({"bootstrap.servers": streaming.home.endpoints.kafka, "acks": "all"})
    places = {}
    for reason, value in POISON.items():
        producer.produce(
            "heat",
            key=b"poison",
            value=value,
            on_delivery=lambda error, message, reason=reason: places.update(
                {reason: error or (message.partition(), message.offset())}
            ),
        )
    assert producer.flush(30) == 0
    return places


def test_every_poisoned_message_is_set_aside_with_its_reason_and_origin(streaming, sent):
    def dead():
        found = {}
        for record in streaming.kafka_records("heat_dead"):
            headers = {name: value.decode() for name, value in record.headers()}
            place = (int(headers["partition"]), int(headers["offset"]))
            found[place] = (headers["reason"], headers["topic"], record.value() or b"")
        return found if set(sent.values()) <= set(found) else None

    found = wait_for(dead, 180, "every poisoned message among the dead letters")
    for reason, place in sent.items():
        assert found[place] == (reason, "heat", POISON[reason])


def test_a_dead_letter_and_its_neighbours_do_not_meet(streaming, sent):
    """No good record is among the dead letters, and the stream goes on past the bad ones."""
    dead = streaming.kafka_records("heat_dead")
    assert {record.key() for record in dead} == {b"poison"}
    before = streaming.stream("heat_to_lake")["committed_batch"]
    wait_for(lambda: streaming.stream("heat_to_lake")["committed_batch"] > before, 60, "another commit")
