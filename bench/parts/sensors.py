"""More sensors for a running platform: the virtual fleet's physics and schedule, sent to Kafka as the fleet sends.

Unlike the fleet it remembers nothing: its facilities have ids that nobody had before, and are gone with it.
"""

from __future__ import annotations

import argparse
import signal
import threading
import time

import numpy as np
from confluent_kafka import Producer

from soh.fleet.heat import HeatFleet
from soh.fleet.schedule import Schedule
from soh.fleet.sender import producer_settings
from soh.fleet.wire import Encoder, Message
from soh.specs.fleets import HEAT

_FLUSH_WITHIN = 10.0
_LONGEST_WAIT = 0.2


def run(kafka: str, first: int, count: int, stop: threading.Event) -> int:
    """Read `count` facilities once a period and send what they show, until `stop`; returns how many were not taken."""
    fleet = HeatFleet(range(first, first + count))
    fleet.resume(now=time.time(), readings={}, inspections={}, same_settings=False)
    schedule = Schedule(facilities=count, period=HEAT.period.total_seconds())
    encoder = Encoder(HEAT.readings)
    producer = Producer(producer_settings(kafka, f"soh_bench_sensors_{first}", schedule.rate))
    seqs = np.zeros(count, np.int64)
    slot = schedule.latest(time.time())
    while not stop.wait(min(max(0.0, schedule.begins(slot + 1) - time.time()), _LONGEST_WAIT)):
        slots = schedule.due(slot, time.time())
        if not slots:
            continue
        slot = slots.stop - 1
        which, of = schedule.reads(slots)
        columns = fleet.readings(which, seqs[which], schedule.times(of))
        for message in encoder.messages(columns, seqs[which].tolist()):
            while not _taken(producer, message):
                producer.poll(0.1)
        seqs[which] += 1
        # What was inspected is for the training, which has the platform's own fleet.
        fleet.inspections(time.time())
        producer.poll(0)
    return producer.flush(_FLUSH_WITHIN)


def _taken(producer: Producer, message: Message) -> bool:
    try:
        producer.produce(message.topic, key=message.key, value=message.value)
    except BufferError:
        return False
    return True


def main() -> None:
    """Send until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    given = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run(given.kafka, given.first, given.count, stop)


if __name__ == "__main__":
    main()
