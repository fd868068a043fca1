"""A service that reads grades, run as it is on one machine, and what the brokers say of its group."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import closing, contextmanager
from datetime import timedelta

from confluent_kafka import Producer, TopicPartition
from tests.fakes.grades import encoded

from soh.kafka.connection import admin_client, consumer_in
from soh.kafka.positions import Positions
from soh.local.options import FleetOptions
from soh.local.services import all_services
from soh.settings import child_environment

MINUTE = timedelta(minutes=1)


class Service:
    """A consumer as it is started on one machine, and what it logged."""

    def __init__(self, home, name, folder, *options):
        (declared,) = [s for s in all_services(home, FleetOptions()) if s.name == name]
        self.log = folder / f"consumer-{time.monotonic_ns()}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*declared.command, *options],
                env=child_environment(**declared.environment),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def end(self, within=20):
        """Ask it to stop; returns its exit code."""
        self.process.terminate()
        return self.process.wait(within)

    @property
    def runs(self):
        return self.process.poll() is None

    def text(self):
        return self.log.read_text()


class Sent:
    """Sends grades and knows where each of them lies in Kafka."""

    def __init__(self, home):
        self.places: dict[tuple[str, int, int], tuple[int, int]] = {}
        settings = {"bootstrap.servers": home.endpoints.kafka, "acks": "all", "partitioner": "murmur2_random"}
        self.producer = Producer({**settings, "linger.ms": 5})

    def send(self, fleet, records):
        for record in records:
            sensor, seq = record["sensor_id"], record["seq"]

            def lies(error, message, sensor=sensor, seq=seq):
                assert error is None
                self.places[message.topic(), message.partition(), message.offset()] = (sensor, seq)

            self.producer.produce(fleet.scores.name, key=str(sensor), value=encoded(record), on_delivery=lies)
            self.producer.poll(0)

    def flush(self):
        assert self.producer.flush(60) == 0


def eventually(found, within=MINUTE):
    """Wait until `found` returns something true; returns it."""
    deadline = time.monotonic() + within.total_seconds()
    while not (result := found()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return result


def lag(home, group):
    positions = Positions(home.endpoints.kafka)
    return sum(
        end - positions.committed(group.name, topic.name).get(partition, 0)
        for topic in group.reads
        for partition, end in positions.ends(topic.name).items()
    )


def commits(home, group):
    positions = Positions(home.endpoints.kafka)
    return {topic.name: positions.committed(group.name, topic.name) for topic in group.reads}


def skip(home, group):
    """What is there already is of other tests, and nothing to this group."""
    positions = Positions(home.endpoints.kafka)
    ends = [
        TopicPartition(topic.name, partition, end)
        for topic in group.reads
        for partition, end in positions.ends(topic.name).items()
    ]
    with closing(consumer_in(home.endpoints.kafka, group.name)) as consumer:
        consumer.commit(offsets=ends, asynchronous=False)


def members(home, group):
    # The answer never comes once the client is gone.
    client = admin_client(home.endpoints.kafka)
    asked = client.describe_consumer_groups([group.name])
    return {member.member_id for member in asked[group.name].result(10).members}


@contextmanager
def away(servers, names):
    """Servers are killed and stay away; afterwards they are there again."""
    services = [servers.services[name] for name in names]
    signal_to(servers, names, signal.SIGKILL)
    servers.supervisor.stop(names)
    try:
        yield
    finally:
        servers.supervisor.start(services)
        servers.wait(services)


@contextmanager
def hung(servers, names):
    """Servers take connections and answer nothing; afterwards they go on where they were."""
    signal_to(servers, names, signal.SIGSTOP)
    try:
        yield
    finally:
        signal_to(servers, names, signal.SIGCONT)


def signal_to(servers, names, number):
    for name in names:
        os.kill(servers.supervisor.pid(name), number)
