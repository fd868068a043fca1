"""The records that all sides of the bench of throughput work on, and what must come out of them."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from bench.parts.plain import score
from soh.errors import ServerUnreachable
from soh.fleet import wire
from soh.fleet.heat import HeatFleet
from soh.fleet.sender import MANY_READINGS, producer_settings
from soh.kafka.positions import Positions
from soh.specs.fleets import HEAT, PowerFactorRule
from soh.specs.models import State

FACILITIES = 500
_AT_ONCE = 5000
_ANSWER_WITHIN = 60.0
_NAMES = {field.name: field.wire_name for field in HEAT.scores.schema.fields}
_ACTIVE_POWER = next(f.wire_name for f in HEAT.readings.schema.fields if f.name == "active_power")


def readings(count: int) -> Iterator[wire.Message]:
    """`count` readings of a virtual fleet in the order of time, the last of them made just now."""
    facilities = min(FACILITIES, count)
    rounds = -(-count // facilities)
    fleet = HeatFleet(range(HEAT.first_facility, HEAT.first_facility + facilities))
    period = HEAT.period.total_seconds()
    begin = time.time() - rounds * period
    fleet.resume(now=begin, readings={}, inspections={}, same_settings=False)
    all_of_them = np.arange(facilities)
    encoder = wire.Encoder(HEAT.readings)
    for seq in range(rounds):
        wanted = all_of_them[: count - seq * facilities]
        at = np.full(len(wanted), begin + seq * period)
        yield from encoder.messages(fleet.readings(wanted, np.full(len(wanted), seq), at), [seq] * len(wanted))


def fill(bootstrap: str, count: int) -> dict[str, float]:
    """Send `count` readings to the empty topic of the fleet; what every side must have made of them."""
    producer = Producer(producer_settings(bootstrap, "soh_bench_fill", MANY_READINGS))
    expected = _Sums()
    active = 0.0
    for message in readings(count):
        while True:
            try:
                producer.produce(message.topic, key=message.key, value=message.value)
            except BufferError:
                producer.poll(0.1)
            else:
                break
        producer.poll(0)
        reading = json.loads(message.value)
        expected.add(score(reading, 0, 0, 0.0))
        active += float(reading[_ACTIVE_POWER])
    if left := producer.flush(_ANSWER_WITHIN):
        raise ServerUnreachable(f"Kafka at {bootstrap} did not take {left} of {count} readings")
    ends = Positions(bootstrap).ends(HEAT.readings.name)
    return {
        **expected.content(),
        "offsets": sum(end * (end - 1) // 2 for end in ends.values()),
        "active_power": active,
    }


def scored(bootstrap: str, topic: str, begins: dict[int, int], ends: dict[int, int]) -> dict[str, float]:
    """What lies on a topic of scores between two places: records, sums of source offsets and power factors, grades."""
    sums = _Sums()
    for message in _messages(bootstrap, topic, begins, ends):
        sums.add(json.loads(message.value()))
    return {**sums.content(), "offsets": sums.offsets}


class _Sums:
    """Sums over records of the topic of scores."""

    def __init__(self) -> None:
        self.records = 0
        self.offsets = 0
        self._factors = 0.0
        self._states: Counter[str] = Counter()
        self._versions: Counter[str] = Counter()

    def add(self, record: dict[str, Any]) -> None:
        self.records += 1
        self.offsets += record[_NAMES["source_offset"]]
        self._factors += sum(record[_NAMES[pf.name]] or 0.0 for pf in HEAT.power_factors)
        self._states[record[_NAMES["pred"]]] += 1
        self._versions[record[_NAMES["model_version"]]] += 1

    def content(self) -> dict[str, float]:
        graded_by = "graded_by_rule" if self._versions[PowerFactorRule.NAME] else "graded_by_model"
        return {
            "records": self.records,
            "power_factors": self._factors,
            graded_by: sum(self._versions.values()),
            **{f"pred_{state.value}": self._states[state.value] for state in State},
        }


def _messages(bootstrap: str, topic: str, begins: dict[int, int], ends: dict[int, int]) -> Iterable[Message]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "soh_bench_check", "enable.auto.commit": False})
    try:
        missing = {place: end for place, end in ends.items() if end > begins.get(place, 0)}
        consumer.assign([TopicPartition(topic, place, begins.get(place, 0)) for place in missing])
        while missing:
            messages = consumer.consume(_AT_ONCE, timeout=_ANSWER_WITHIN)
            if not messages:
                raise ServerUnreachable(f"Kafka at {bootstrap} sent nothing of {topic} for {_ANSWER_WITHIN:.0f} s")
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
                if message.partition() in missing:
                    if message.offset() < missing[message.partition()]:
                        yield message
                    if message.offset() >= missing[message.partition()] - 1:
                        del missing[message.partition()]
    finally:
        consumer.close()
