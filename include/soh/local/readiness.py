"""How a service shows that it is ready: it listens, it answers, it reads what it should."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import requests
from confluent_kafka import KafkaException

from soh.kafka.connection import admin_client
from soh.local.home import Home
from soh.specs.groups import ConsumerGroupSpec

Ready = Callable[[], bool]


def listening(port: int) -> Ready:
    """Somebody takes connections on this port of the loopback."""

    def ready() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            return False
        return True

    return ready


def answering(url: str) -> Ready:
    """The server answers this address, and not with an error."""

    def ready() -> bool:
        try:
            return requests.get(url, timeout=(2, 5)).ok
        except requests.RequestException:
            return False

    return ready


def exists(path: Path) -> Ready:
    """The service has written the file that it writes when it works."""
    return path.exists


def airflow_part_is_healthy(home: Home, name: str) -> Ready:
    """Airflow's api-server calls this part of Airflow healthy."""
    part = {"api-server": "metadatabase", "dag-processor": "dag_processor"}.get(name, name)

    def ready() -> bool:
        try:
            health = requests.get(f"{home.endpoints.airflow}/api/v2/monitor/health", timeout=(2, 10)).json()
        except (requests.RequestException, ValueError):
            return False
        return bool(health.get(part, {}).get("status") == "healthy")

    return ready


def reads_all(bootstrap: str, group: ConsumerGroupSpec, within: timedelta = timedelta(seconds=5)) -> Ready:
    """The group has taken every partition of the topics that it must read; no answer of Kafka `within` is a no."""
    wanted = {(topic.name, partition) for topic in group.reads for partition in range(topic.partitions)}

    def ready() -> bool:
        # The answer never comes once the client is gone.
        client = admin_client(bootstrap)
        try:
            asked = client.describe_consumer_groups([group.name], request_timeout=within.total_seconds())
            members = asked[group.name].result(within.total_seconds() + 1).members
        except (KafkaException, TimeoutError):
            return False
        taken = {(place.topic, place.partition) for member in members for place in member.assignment.topic_partitions}
        return wanted <= taken

    return ready
