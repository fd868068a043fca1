"""kill -9 of any part, and what must be so again afterwards."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

import psutil
from tests.end_to_end.scratch import RECOVERY, Platform, wait_for

from soh.specs import STREAM_APPS
from soh.specs.groups import ConsumerGroupSpec

WATCHED = ("heat_to_lake", "heat_scoring")
"""One stream of each app."""


def service(*names: str) -> Callable[[Platform], list[int]]:
    """Process ids of services, as supervisord knows them."""
    return lambda platform: [platform.supervisor.pid(name) for name in names]


def driver(app: str) -> Callable[[Platform], list[int]]:
    """Process ids of the drivers of a stream app."""
    return lambda platform: [process.pid for process in platform.drivers(app)]


VICTIMS = {
    **{f"driver of {app}": driver(app) for app in STREAM_APPS},
    "executors": lambda platform: [process.pid for process in platform.executors()],
    "NodeManager": service("nodemanager-1"),
    "ResourceManager": service("resourcemanager"),
    "NameNode": service("namenode"),
    "DataNode": service("datanode-1"),
    "broker": service("kafka-2"),
    "fleet": service("fleet-heat"),
    "InfluxDB": service("influxdb"),
    "scores-to-tsdb": service("scores-to-tsdb"),
    "S3": service("s3proxy"),
    "scores-to-s3": service("scores-to-s3"),
    "scheduler": service("airflow-scheduler"),
    "triggerer": service("airflow-triggerer"),
    "all of Airflow": service(
        *("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
    ),
}
"""What can be killed: its name, and how its processes are found."""


def streams(platform: Platform) -> dict[str, dict[str, Any]]:
    """The watched streams by name, as the status has them."""
    return {stream["name"]: stream for stream in platform.status()["streams"] if stream["name"] in WATCHED}


def wait_for_drivers(platform: Platform) -> None:
    """Wait until every stream app has its one driver."""
    wait_for(lambda: all(len(platform.drivers(app)) == 1 for app in STREAM_APPS), RECOVERY, "one driver of each app")


def kill(platform: Platform, victims: Collection[str]) -> None:
    """kill -9 of all the victims at once."""
    pids = {victim: VICTIMS[victim](platform) for victim in victims}
    for victim, found in pids.items():
        assert found, f"nothing to kill: {victim} does not run"
        assert all(found), f"nothing to kill: {victim} is down"
    for pid in {pid for found in pids.values() for pid in found}:
        os.kill(pid, signal.SIGKILL)


def wait_until_recovered(platform: Platform, since: datetime, what: str) -> None:
    """Wait until every service runs and answers, and each watched stream has committed a batch of after `since`."""

    def recovered() -> bool:
        down = {name: str(state) for name, state in platform.supervisor.states().items() if state != "running"}
        assert not down, down
        behind = [stream for stream in WATCHED if not platform.committed_since(stream, since)]
        assert not behind, f"no batch of {behind} was planned and committed afterwards"
        found = platform.status()
        assert not found["unanswered"], found["unanswered"]
        assert {stream["state"] for stream in found["streams"]} == {"RUNNING"}, found["streams"]
        return True

    wait_for(recovered, RECOVERY, what)


def kill_and_recover(platform: Platform, victims: Collection[str]) -> None:
    """kill -9 of all the victims at once, then everything is as before: the same drivers, but for those that died."""
    wait_for_drivers(platform)
    before = streams(platform)
    kill(platform, victims)
    wait_until_recovered(platform, datetime.now(tz=UTC), f"the recovery from kill -9 of {', '.join(victims)}")
    for name, stream in streams(platform).items():
        died = f"driver of {stream['app']}" in victims
        same = stream["yarn_app_id"] == before[name]["yarn_app_id"]
        assert same != died, f"after kill -9 of {', '.join(victims)} {name} has {stream}, before {before[name]}"


def unread(platform: Platform, group: ConsumerGroupSpec, topics: Collection[str]) -> int:
    """Grades on some topics that a consumer group has not committed yet."""
    found = {told["topic"]: told["lag"] for told in platform.status()["groups"] if told["name"] == group.name}
    assert all(found[topic] is not None for topic in topics), found
    return sum(found[topic] for topic in topics)


class DriverCount(threading.Thread):
    """Counts the living drivers of every stream app twice a second, from its start to `stop`."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(daemon=True)
        self.platform = platform
        self.counts: Counter[tuple[str, int]] = Counter()
        self._ended = threading.Event()
        self.too_many: list[str] = []

    def run(self) -> None:
        while not self._ended.wait(0.5):
            for app in STREAM_APPS:
                found: list[psutil.Process] = self.platform.drivers(app)
                self.counts[app, len(found)] += 1
                if len(found) > 1:
                    self.too_many.append(f"{time.strftime('%H:%M:%S')}: {app} {[process.pid for process in found]}")

    def stop(self) -> None:
        self._ended.set()
        self.join()
