"""The side without a framework: one confluent-kafka consumer that grades by the rule and sends on."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, Producer, TopicPartition

from bench.parts.plain import PRODUCER, score
from bench.parts.serve import open_answers, serve
from soh.specs.fleets import HEAT

_AT_ONCE = 1000
_SILENT_FOR = 60.0
"""Seconds without a record after which something is wrong."""


def run(kafka: str, topic: str, records: int) -> dict[str, float]:
    """Grade all `records` readings; seconds are counted from the first in hand to the last acknowledged."""
    began = time.perf_counter()
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "soh_bench_plain", "enable.auto.commit": False})
    producer = Producer({"bootstrap.servers": kafka, **PRODUCER})
    first = 0.0
    try:
        places = range(HEAT.readings.partitions)
        consumer.assign([TopicPartition(HEAT.readings.name, place, OFFSET_BEGINNING) for place in places])
        done = 0
        while done < records:
            messages = consumer.consume(_AT_ONCE, timeout=_SILENT_FOR)
            if not messages:
                raise TimeoutError(f"no record for {_SILENT_FOR:.0f} s after {done} of {records}")
            first = first or time.perf_counter()
            for message in messages:
                _send(producer, topic, message)
            done += len(messages)
        if left := producer.flush(_SILENT_FOR):
            raise TimeoutError(f"{left} records were not acknowledged")
    finally:
        consumer.close()
    return {"seconds": time.perf_counter() - first, "start_seconds": first - began}


def _send(producer: Producer, topic: str, message: Message) -> None:
    if message.error():
        raise KafkaException(message.error())
    reading: dict[str, Any] = json.loads(message.value())
    graded = score(reading, message.partition(), message.offset(), message.timestamp()[1] / 1000)
    value = json.dumps(graded, ensure_ascii=False).encode()
    while True:
        try:
            producer.produce(topic, key=message.key(), value=value, on_delivery=_delivered)
        except BufferError:
            producer.poll(0.1)
        else:
            break
    producer.poll(0)


def _delivered(error: Any, _: Any) -> None:
    if error is not None:
        raise KafkaException(error)


def main() -> None:
    """Serve until the parent is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--records", type=int, required=True)
    given = parser.parse_args()
    answers = open_answers()
    serve({"run": lambda _: run(given.kafka, given.topic, given.records)}, answers)


if __name__ == "__main__":
    main()
