"""The sinks of grades, for `test_sinks` to run side by side: a new one is a class here and a word in its fixture."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from confluent_kafka import Consumer, TopicPartition

from soh import s3
from soh.kafka.positions import Positions
from soh.local.configs import TSDB_READER
from soh.local.home import Home
from soh.local.stores import make_buckets
from soh.serving.landing import is_json
from soh.serving.tsdb import Tsdb
from soh.specs import ConsumerGroupSpec
from soh.specs.groups import SCORES_TO_S3, SCORES_TO_TSDB
from soh.specs.landing import PREFIX, LandedObject
from soh.specs.tsdb import MEASUREMENT

Grade = tuple[int, int]
"""Sensor and seq."""
Place = tuple[str, int, int]
"""Topic, partition, offset."""
Said = tuple[int, Any, str | None]
"""When a record was sent, its value if it is JSON, and otherwise its bytes in base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Options with which a service is not served by its store, and what it says then."""

    options: tuple[str, ...]
    complaint: str
    mend: Callable[[], object] | None = None
    """What makes the store serve these options after all, if anything does."""


class Sink(Protocol):
    """One sink: its service, the store behind it, and what arrived there."""

    group: ConsumerGroupSpec
    service: str
    """Its name among those of one machine, as `store` is."""
    store: str
    name: str
    """What its log calls the store."""
    at_once: tuple[str, ...]
    """Options with which it keeps nothing back."""
    repeats_after_a_crash: bool
    """Whether what was not committed may be there twice afterwards."""

    def arrived(self, sensors: Sequence[int]) -> Counter[Grade]:
        """How often each grade of some facilities is in the store."""

    def compare(self) -> None:
        """What lies in the store is what lies in Kafka, word for word, where the store takes every word."""

    def refusals(self, folder: Path) -> Sequence[Refusal]:
        """Ways not to be served; what options name may be made in `folder`."""


class ToTsdb:
    """Grades as points in InfluxDB."""

    group = SCORES_TO_TSDB
    service, store, name = "scores-to-tsdb", "influxdb", "InfluxDB"
    at_once = ()
    repeats_after_a_crash = False

    def __init__(self, home: Home) -> None:
        endpoints = home.endpoints
        self.tsdb = Tsdb(endpoints.tsdb, endpoints.tsdb_database, TSDB_READER, home.secrets["tsdb_reader"])

    def arrived(self, sensors: Sequence[int]) -> Counter[Grade]:
        return Counter((int(tags["sensor_id"]), row["seq"]) for tags, row in self.points(sensors, "seq"))

    def points(self, sensors: Sequence[int], fields: str = "*") -> list[tuple[Mapping[str, str], dict[str, Any]]]:
        """Tags and fields of every point of some facilities that has one of the fields."""
        of = "|".join(map(str, sensors))
        return self.tsdb._ask(
            f"SELECT {fields} FROM {MEASUREMENT} WHERE sensor_id =~ /^({of})$/ GROUP BY fleet, sensor_id"
        )

    def compare(self) -> None:
        """A point is what a grade says, not how; the first scenario looks at one field by field."""

    def refusals(self, folder: Path) -> Sequence[Refusal]:
        (folder / "wrong-password").write_text("no")
        return [Refusal(options=("--password-file", str(folder / "wrong-password")), complaint="authorization failed")]


class ToS3:
    """Grades as objects on S3, compared with the records that Kafka has since this was made."""

    group = SCORES_TO_S3
    service, store, name = "scores-to-s3", "s3proxy", "S3"
    at_once = ("--every", "1")
    repeats_after_a_crash = True

    def __init__(self, home: Home) -> None:
        self._home = home
        self._positions = Positions(home.endpoints.kafka)
        self._next = self._ends()
        self._in_kafka: dict[Place, Said] = {}

    @cached_property
    def store_client(self) -> Any:
        secrets = self._home.secrets
        return s3.client(self._home.endpoints.s3, secrets["s3_access_key"], secrets["s3_secret_key"])

    def arrived(self, sensors: Sequence[int]) -> Counter[Grade]:
        values = [row["value"] for _, rows in self.objects() for row in rows if isinstance(row.get("value"), dict)]
        return Counter((value["sensor_id"], value["seq"]) for value in values if value.get("sensor_id") in sensors)

    def compare(self) -> None:
        assert self.landed() == self.in_kafka()

    def refusals(self, folder: Path) -> Sequence[Refusal]:
        (folder / "wrong-key").write_text("no")
        bucket = f"s3://made-later-{time.time_ns()}"
        endpoint, secrets = self._home.endpoints.s3, self._home.secrets
        return [
            Refusal(
                options=(*self.at_once, "--secret-key-file", str(folder / "wrong-key")),
                complaint="SignatureDoesNotMatch",
            ),
            Refusal(
                options=(*self.at_once, "--bucket", bucket),
                complaint="NoSuchBucket",
                mend=lambda: make_buckets(endpoint, [bucket], secrets["s3_access_key"], secrets["s3_secret_key"]),
            ),
        ]

    def objects(self) -> Iterator[tuple[LandedObject, list[dict[str, Any]]]]:
        """Every landed object with its rows; what it is called and said to be is what it holds."""
        for bucket, key in self._keys():
            place = LandedObject.parse(key)
            answer = self.store_client.get_object(Bucket=bucket, Key=key)
            rows = [json.loads(line) for line in gzip.decompress(answer["Body"].read()).split(b"\n")[:-1]]
            assert [row["offset"] for row in rows] == list(range(place.first, place.last + 1))
            assert {(row["topic"], row["partition"]) for row in rows} == {(place.topic, place.partition)}
            assert answer["Metadata"] == {
                "topic": place.topic,
                "partition": str(place.partition),
                "first-offset": str(place.first),
                "last-offset": str(place.last),
                "records": str(len(rows)),
            }
            yield place, rows

    def landed(self) -> dict[Place, Said]:
        """What the rows of each record say: more than one row only after a crash, and never two words."""
        found: dict[Place, Said] = {}
        for _, rows in self.objects():
            for row in rows:
                said = (row["timestamp"], row.get("value"), row.get("raw"))
                assert found.setdefault((row["topic"], row["partition"], row["offset"]), said) == said
        return found

    def in_kafka(self) -> dict[Place, Said]:
        """The same of every record that Kafka has."""
        ends = self._ends()
        settings = {"bootstrap.servers": self._home.endpoints.kafka, "group.id": "test", "enable.auto.commit": False}
        with closing(Consumer(settings)) as reader:
            reader.assign([TopicPartition(*partition, begin) for partition, begin in self._next.items()])
            wanted = len(self._in_kafka) + sum(end - self._next[partition] for partition, end in ends.items())
            deadline = time.monotonic() + 60
            while len(self._in_kafka) < wanted:
                assert time.monotonic() < deadline
                for message in reader.consume(5_000, timeout=1):
                    assert message.error() is None
                    place = (message.topic(), message.partition(), message.offset())
                    self._in_kafka[place] = (message.timestamp()[1], *_said(message.value()))
        self._next = ends
        return self._in_kafka

    def clear(self) -> None:
        """Forget what has landed, of other tests too."""
        for bucket, key in self._keys():
            self.store_client.delete_object(Bucket=bucket, Key=key)

    def _keys(self) -> Iterator[tuple[str, str]]:
        for bucket in (entry["Name"] for entry in self.store_client.list_buckets()["Buckets"]):
            for page in self.store_client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{PREFIX}/"):
                yield from ((bucket, entry["Key"]) for entry in page.get("Contents", ()))

    def _ends(self) -> dict[tuple[str, int], int]:
        return {
            (topic.name, partition): end
            for topic in self.group.reads
            for partition, end in self._positions.ends(topic.name).items()
        }


def _said(value: bytes | None) -> tuple[Any, str | None]:
    """Its value if it is JSON, and otherwise its bytes."""
    if value is None:
        return None, None
    if is_json(value):
        return json.loads(value), None
    return None, base64.b64encode(value).decode()
