"""A whole copy of the platform in a scratch home, driven only through what a user has: `./soh` and the servers."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests
from confluent_kafka import Consumer, TopicPartition

from soh import s3
from soh.local import processes
from soh.local.environments import JARS, SPARK_PYTHON, java_home
from soh.local.home import Home
from soh.local.ports import free_base
from soh.local.supervisor import Supervisor
from soh.settings import PROJECT
from soh.specs import STREAM_APPS, FleetSpec
from soh.specs.landing import LandedObject
from soh.submit import catalog_settings

FACILITIES = 6
RIGS = 2
PAST = 3
"""Hours of the virtual fleet's history."""
RECOVERY = 240
"""Seconds within which everything must be as before after a fault; generous, for the machine runs tests."""


@dataclass
class Platform:
    """One running copy."""

    home: Home
    data: Path | None
    output: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def in_scratch(cls, data: Path | None) -> Platform:
        folder = Path(tempfile.mkdtemp(prefix="soh-e2e-"))
        folder.chmod(0o755)
        base = free_base()
        environment = {**os.environ, "SOH_HOME": str(folder), "SOH_PORT_BASE": str(base)}
        return cls(home=Home(path=folder, port_base=base), data=data, environment=environment)

    def soh(self, *arguments: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """Run `./soh` as a user would, without a terminal."""
        return subprocess.run(
            [PROJECT / "soh", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def up(self) -> subprocess.CompletedProcess[str]:
        options = ["--facilities", str(FACILITIES), "--period", "1", "--rigs", str(RIGS), "--past", str(PAST)]
        if self.data:
            options += ["--data", str(self.data)]
        done = self.soh("up", *options, timeout=1500)
        self.output = done.stdout + done.stderr
        return done

    def status(self) -> dict[str, Any]:
        done = self.soh("status", "--json", timeout=60)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def stream(self, name: str) -> dict[str, Any]:
        return next(stream for stream in self.status()["streams"] if stream["name"] == name)

    @property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.home)

    def drivers(self, app: str = "lake") -> list[psutil.Process]:
        """The drivers of a stream app that live on this machine, seen without asking YARN."""
        found = []
        for process in processes.of(self.home):
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                is_driver = any("ApplicationMaster" in word for word in words)
                if is_driver and words[0].endswith("/java") and STREAM_APPS[app].script in words:
                    found.append(process)
        return found

    def executors(self) -> list[psutil.Process]:
        found = []
        for process in processes.of(self.home):
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if words and words[0].endswith("/java") and any("ExecutorBackend" in word for word in words):
                    found.append(process)
        return found

    def kafka_records(self, topic: str) -> list[Any]:
        """Every record of a topic from its beginning to where it ends now."""
        consumer = Consumer(
            {"bootstrap.servers": self.home.endpoints.kafka, "group.id": "e2e", "enable.auto.commit": False}
        )
        records = []
        try:
            partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
            remaining = {}
            for partition in partitions:
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
                if high > low:
                    remaining[partition] = high
            consumer.assign([TopicPartition(topic, partition, 0) for partition in remaining])
            deadline = time.monotonic() + 120
            while remaining:
                assert time.monotonic() < deadline, f"{topic}: partitions {remaining} not read to their end"
                message = consumer.poll(1)
                if message is None or message.error():
                    continue
                if message.partition() in remaining:
                    if message.offset() < remaining[message.partition()]:
                        records.append(message)
                    if message.offset() >= remaining[message.partition()] - 1:
                        del remaining[message.partition()]
        finally:
            consumer.close()
        return records

    def lake_rows(self, table: str) -> Counter[tuple[int, int, int, int]]:
        """(facility, seq, Kafka partition, Kafka offset) of every row of a table, each with its number of rows."""
        target = self.home.path / f"{table}.rows"
        settings = catalog_settings(self.home.endpoints, self.home.app_secrets)
        subprocess.run(
            [SPARK_PYTHON, Path(__file__).with_name("read_lake.py"), table, target],
            env={
                **os.environ,
                "PYSPARK_PYTHON": str(SPARK_PYTHON),
                "JAVA_HOME": str(java_home()),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "HADOOP_USER_NAME": self.home.server_user,
                "READ_LAKE_CONF": json.dumps(settings),
                "READ_LAKE_JARS": ",".join(str(jar) for jar in sorted((JARS / "spark").glob("*.jar"))),
            },
            check=True,
            timeout=300,
        )
        return Counter(tuple(json.loads(line)) for line in target.read_text().splitlines())

    def scores(self, fleet: FleetSpec) -> list[dict[str, Any]]:
        """Every grade on a fleet's topic of scores, in the order of partitions and offsets."""
        return list(self.scores_by_place(fleet).values())

    def scores_by_place(self, fleet: FleetSpec) -> dict[tuple[int, int], dict[str, Any]]:
        """The same, by partition and offset."""
        records = sorted(self.kafka_records(fleet.scores.name), key=lambda r: (r.partition(), r.offset()))
        return {(record.partition(), record.offset()): json.loads(record.value()) for record in records}

    def landed(self, fleet: FleetSpec) -> dict[tuple[int, int], list[dict[str, Any]]]:
        """Every grade of a fleet on S3 by partition and offset, with the different things that are said of it."""
        home = self.home
        store = s3.client(home.endpoints.s3, home.secrets["s3_access_key"], home.secrets["s3_secret_key"])
        bucket = home.endpoints.lake_bucket.removeprefix("s3://")
        found: dict[tuple[int, int], list[dict[str, Any]]] = {}
        pages = store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"landing/{fleet.scores.name}/")
        for key in [entry["Key"] for page in pages for entry in page.get("Contents", ())]:
            place = LandedObject.parse(key)
            body = gzip.decompress(store.get_object(Bucket=bucket, Key=key)["Body"].read())
            rows = [json.loads(line) for line in body.split(b"\n")[:-1]]
            assert [row["offset"] for row in rows] == list(range(place.first, place.last + 1)), key
            for row in rows:
                told = found.setdefault((row["partition"], row["offset"]), [])
                if row["value"] not in told:
                    told.append(row["value"])
        return found

    def points(self, fleet: FleetSpec) -> list[dict[str, Any]]:
        """Every grade of a fleet in the time-series database."""
        endpoints = self.home.endpoints
        answer = requests.get(
            f"{endpoints.tsdb}/query",
            params={
                "db": endpoints.tsdb_database,
                "epoch": "u",
                "q": f"SELECT * FROM sensor_measurement WHERE fleet = '{fleet.name}'",
            },
            auth=("reader", self.home.secrets["tsdb_reader"]),
            timeout=60,
        )
        answer.raise_for_status()
        (result,) = answer.json()["results"]
        assert "error" not in result, result
        return [
            dict(zip(series["columns"], row, strict=True))
            for series in result.get("series", ())
            for row in series["values"]
        ]

    def down(self) -> subprocess.CompletedProcess[str]:
        return self.soh("down", "--purge", timeout=300)


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true answer within `seconds`; a failure of the question itself counts as no."""
    deadline = time.monotonic() + seconds
    last: Any = None
    while time.monotonic() < deadline:
        try:
            last = condition()
        except (AssertionError, LookupError, psutil.Error) as error:
            last = error
        else:
            if last:
                return last
        time.sleep(1)
    raise AssertionError(f"waited {seconds:.0f} s for {what}; the last answer was {last!r}")


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
                found = self.platform.drivers(app)
                self.counts[app, len(found)] += 1
                if len(found) > 1:
                    self.too_many.append(f"{time.strftime('%H:%M:%S')}: {app} {[process.pid for process in found]}")

    def stop(self) -> None:
        self._ended.set()
        self.join()
