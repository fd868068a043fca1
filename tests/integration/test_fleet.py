"""A fleet on a real broker: its past, kill -9 in the middle of it, and the present afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import OFFSET_END, Consumer, TopicPartition
from tests.fakes import meter

from soh.fleet.wire import decode, schema_of
from soh.kafka import admin
from soh.kafka.connection import admin_client, answers, once_led
from soh.kafka.plan import plan
from soh.settings import PROJECT, child_environment
from soh.specs.fleets import HEAT
from soh.specs.topics import TopicSpec

FACILITIES, HOURS = 60, 1.5
PERIOD = HEAT.period.total_seconds()
IN_THE_PAST = int(FACILITIES * HOURS * 3600 / PERIOD)
OFTEN = ("--period", 1, "--past", 0)


@pytest.fixture(scope="module")
def bootstrap(servers) -> str:
    kafka = servers.home.endpoints.kafka
    topics = [HEAT.readings, HEAT.inspections]
    admin.apply(kafka, plan(topics, admin.describe(kafka, [topic.name for topic in topics])))
    # Whoever sent before these tests had other facilities.
    ends = [TopicPartition(topic.name, number, OFFSET_END) for topic in topics for number in range(topic.partitions)]
    client = admin_client(kafka)
    once_led(lambda: answers(client.delete_records(ends)))
    return kafka


def bounds(consumer: Consumer, topic: TopicSpec) -> dict[int, tuple[int, int]]:
    return {
        # A topic that is a moment old may be given other leaders.
        partition: once_led(partial(consumer.get_watermark_offsets, TopicPartition(topic.name, partition), timeout=20))
        for partition in range(topic.partitions)
    }


@pytest.fixture
def consumer(bootstrap) -> Iterator[Consumer]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "fleet-test", "enable.auto.commit": False})
    yield consumer
    consumer.close()


def records(consumer: Consumer, topic: TopicSpec) -> dict[int, list[dict]]:
    """Every record of the topic, as its fleet sent it, by facility and in the order of its offset."""
    found: dict[int, list[dict]] = defaultdict(list)
    ends = {partition: (low, high) for partition, (low, high) in bounds(consumer, topic).items() if high > low}
    consumer.assign([TopicPartition(topic.name, partition, low) for partition, (low, _) in ends.items()])
    missing = sum(high - low for low, high in ends.values())
    deadline = time.monotonic() + 60
    while missing > 0:
        assert time.monotonic() < deadline, f"{missing} records of {topic.name} did not come"
        for message in consumer.consume(5000, timeout=1):
            record = decode(schema_of(topic), message.key(), message.value())
            if record is not None:
                found[int(record["facility_id"])].append(record)
            missing -= 1
    return found


@pytest.fixture
def fleet(bootstrap, tmp_path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*more: object) -> subprocess.Popen[bytes]:
        with (tmp_path / "log").open("ab") as log:
            options = ("--facilities", FACILITIES, "--past", HOURS, "--kafka", bootstrap, "--state-dir", tmp_path)
            command = (sys.executable, "-m", "soh.fleet", "heat", *map(str, (*options, *more)))
            environment = child_environment(PYTHONPATH=str(PROJECT / "include"))
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture
def sent(consumer) -> Callable[[], int]:
    return lambda: sum(high - low for low, high in bounds(consumer, HEAT.readings).values())


def test_a_past_cut_by_kill_9_is_whole_in_the_end_and_the_present_follows(fleet, consumer, sent, tmp_path):
    began = time.time()
    first = fleet()
    wait_for(lambda: sent() > IN_THE_PAST / 4, "a quarter of the past")
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert sent() < IN_THE_PAST, "the kill came too late to cut anything"

    second = fleet()
    wait_for(lambda: b"now the present" in Path(tmp_path / "log").read_bytes(), "the present")
    in_the_past = sent()
    wait_for(lambda: sent() >= in_the_past + FACILITIES, "a period of the present")
    second.terminate()
    assert second.wait(20) == 0

    readings = records(consumer, HEAT.readings)
    assert len(readings) == FACILITIES
    for facility, own in readings.items():
        assert [one["seq"] for one in own] == list(range(len(own))), facility
        times = np.array([one["event_time"] for one in own])
        assert np.diff(times) == pytest.approx(PERIOD, abs=0.0021), facility
        assert times[0] == pytest.approx(began - HOURS * 3600, abs=2 * PERIOD), facility
        assert np.diff([one["energy_total"] for one in own]).min() >= 0, facility

    for facility, own in records(consumer, HEAT.inspections).items():
        assert [one["seq"] for one in own] == list(range(len(own))), facility
        assert own[0]["from_time"] == readings[facility][0]["event_time"]
        assert [one["from_time"] for one in own[1:]] == [one["to_time"] for one in own[:-1]]
        assert all(0 < one["event_time"] - one["to_time"] < 700 for one in own)


def test_a_running_fleet_that_is_given_a_meter_goes_on_with_its_numbers_and_counters(fleet, consumer, sent, tmp_path):
    already = sent()
    virtual = fleet(*OFTEN)
    wait_for(lambda: sent() >= already + 2 * FACILITIES, "readings of the virtual fleet")
    virtual.terminate()
    assert virtual.wait(20) == 0
    before = {facility: len(own) for facility, own in records(consumer, HEAT.readings).items()}

    replay = fleet(*OFTEN, "--meter", meter.write(tmp_path / "meter.csv", meter.WEEK))
    wait_for(lambda: sent() >= sum(before.values()) + 2 * FACILITIES, "two periods of the meter")
    replay.terminate()
    assert replay.wait(20) == 0

    recorded = [4000 * meter.working(number)[0] for number in range(meter.WEEK)]
    for facility, own in records(consumer, HEAT.readings).items():
        assert [one["seq"] for one in own] == list(range(len(own))), facility
        assert np.diff([one["energy_total"] for one in own]).min() >= 0, facility
        for one in own[before.get(facility, 0) :]:
            assert min(abs(one["active_power"] - watts) for watts in recorded) < 0.11, facility
        assert len(own) > before.get(facility, 0), facility
