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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import requests
from confluent_kafka import Consumer, TopicPartition

from soh import s3, status
from soh.airflow_api import AirflowApi
from soh.errors import SohError
from soh.hdfs import Hdfs
from soh.local.environments import JARS, SPARK_PYTHON, java_home
from soh.local.home import Home
from soh.local.ports import free_base
from soh.local.supervisor import Supervisor
from soh.settings import PROJECT, Endpoints
from soh.specs import STREAM_APPS, FleetSpec
from soh.specs.landing import LandedObject
from soh.submit import catalog_settings

FACILITIES = 6
RIGS = 2
OPTIONS = (
    *("--facilities", str(FACILITIES)),
    *("--period", "1"),
    *("--rigs", str(RIGS)),
    # Hours.
    *("--past", "3"),
    # What waits for an object on S3 waits for seconds.
    *("--landing-interval", "10"),
)
RECOVERY = 240
"""Seconds within which everything must be as before after a fault; generous, for the machine runs tests."""


@dataclass
class Platform:
    """One running copy."""

    home: Home
    data: Path | None
    environment: dict[str, str] = field(default_factory=dict)
    first_up: subprocess.Popen[str] | None = None
    output: str = ""
    """What the `./soh up` that was begun has printed so far."""

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
        return self.soh(*self._up, timeout=1500)

    def begin_up(self, tell: Callable[[str], None]) -> None:
        """Let `./soh up` run beside what follows; `tell` is given its steps, line by line, as they come."""
        started = self.first_up = subprocess.Popen(
            [PROJECT / "soh", *self._up],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

        def follow() -> None:
            assert started.stdout is not None
            for line in started.stdout:
                self.output += line
                tell(line.rstrip())

        self._follower = threading.Thread(target=follow, daemon=True)
        self._follower.start()

    def wait_for_step(self, step: str, seconds: float) -> None:
        """Wait until the `./soh up` that was begun is through with a step."""
        line = f"✓ {step} "

        def passed() -> bool:
            assert line in self.output or self.first_up.poll() is not None, self.output
            return True

        wait_for(passed, seconds, f"step {step!r} of ./soh up")
        assert line in self.output, f"./soh up ended with {self.first_up.returncode}:\n{self.output}"

    def wait_for_up(self, seconds: float) -> int:
        """Wait for the end of the `./soh up` that was begun, and return its exit code."""
        code = self.first_up.wait(seconds)
        # What was started and holds the pipe is not waited for.
        self._follower.join(10)
        return code

    def break_up_off(self) -> None:
        """End the `./soh up` that was begun, if it still waits for something."""
        if self.first_up is not None:
            self.first_up.terminate()
            self.first_up.wait(30)

    @property
    def _up(self) -> tuple[str, ...]:
        return ("up", *OPTIONS, *(("--data", str(self.data)) if self.data else ()))

    def status(self) -> dict[str, Any]:
        """What `./soh status --json` says, asked in this process: a command costs a second of a core."""
        home = self.home
        return status.status(home.endpoints, self.supervisor.states(), home.app_secrets).as_json()

    def stream(self, name: str) -> dict[str, Any]:
        return next(stream for stream in self.status()["streams"] if stream["name"] == name)

    def committed_since(self, stream: str, moment: datetime) -> bool:
        """Whether a stream has committed a batch that it planned after `moment`."""
        hdfs = Hdfs(self.home.endpoints.webhdfs, self.home.endpoints.hdfs_user)
        planned = hdfs.listing(f"{Endpoints.checkpoint(stream)}/offsets")
        committed = hdfs.listing(f"{Endpoints.checkpoint(stream)}/commits")
        return any(name.isdigit() and file.modified > moment and name in committed for name, file in planned.items())

    @property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.home)

    @property
    def airflow(self) -> AirflowApi:
        return AirflowApi(self.home.endpoints.airflow, "admin", self.home.secrets["airflow_admin"])

    def stop_services(self, *names: str) -> None:
        self.supervisor.stop(names)

    def start_services(self, *names: str) -> None:
        """Start services as supervisord knows them, without waiting until they are ready."""
        for name in names:
            self.supervisor._rpc.startProcess(name, False)

    def drivers(self, app: str = "lake") -> list[psutil.Process]:
        """The drivers of a stream app that live on this machine, seen without asking YARN."""
        return [
            process
            for process, words in self._containers()
            if any("ApplicationMaster" in word for word in words) and STREAM_APPS[app].script in words
        ]

    def executors(self) -> list[psutil.Process]:
        return [process for process, words in self._containers() if any("ExecutorBackend" in word for word in words)]

    def _containers(self) -> Iterator[tuple[psutil.Process, list[str]]]:
        """Every JVM of ours on YARN with its command line, which says in whose folder it works."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name() != "java":
                    continue
                words = process.cmdline()
                if any(word.startswith(f"-Djava.io.tmpdir={self.home.data}/nodemanager-") for word in words):
                    yield process, words

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

    def lake_rows(self, *tables: str) -> dict[str, Counter[tuple[int, int, int, int]]]:
        """By table, (facility, seq, Kafka partition, Kafka offset) of every row, each with its number of rows."""
        settings = catalog_settings(self.home.endpoints, self.home.app_secrets)
        subprocess.run(
            [SPARK_PYTHON, Path(__file__).with_name("read_lake.py"), self.home.path, *tables],
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
        rows = {table: (self.home.path / f"{table}.rows").read_text().splitlines() for table in tables}
        return {table: Counter(tuple(json.loads(line)) for line in lines) for table, lines in rows.items()}

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


def wait_for(condition: Callable[[], Any], seconds: float, what: str, every: float = 1) -> Any:
    """The first true answer within `seconds`; a failure of the question itself counts as no."""
    deadline = time.monotonic() + seconds
    last: Any = None
    while time.monotonic() < deadline:
        try:
            last = condition()
        except (AssertionError, LookupError, psutil.Error, SohError) as error:
            last = error
        else:
            if last:
                return last
        time.sleep(every)
    raise AssertionError(f"waited {seconds:.0f} s for {what}; the last answer was {last!r}")
