"""Grades from three real brokers to a real object store: all of them, as they came, through kills and outages."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import signal
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition
from tests.fakes.grades import encoded, grade, grades
from tests.integration import reading
from tests.integration.reading import Sent, Service, away, eventually

from soh import s3
from soh.kafka import admin
from soh.kafka.plan import plan
from soh.kafka.positions import Positions
from soh.local.stores import make_buckets
from soh.serving.landing import is_json
from soh.specs import TOPICS
from soh.specs.fleets import HEAT, HYDRAULIC
from soh.specs.groups import SCORES_TO_S3
from soh.specs.landing import LandedObject, hour_of

lag = partial(reading.lag, group=SCORES_TO_S3)
commits = partial(reading.commits, group=SCORES_TO_S3)
members = partial(reading.members, group=SCORES_TO_S3)

_next_sensor = count(50_000, 100)


@pytest.fixture(scope="module")
def home(servers):
    home = servers.home
    admin.apply(home.endpoints.kafka, plan(TOPICS.values(), admin.describe(home.endpoints.kafka, list(TOPICS))))
    return home


@pytest.fixture
def sensors():
    """Ten facilities of this test alone."""
    first = next(_next_sensor)
    return range(first, first + 10)


@pytest.fixture
def sent(home):
    return Sent(home)


@pytest.fixture
def serve(home, tmp_path):
    """Starts the service with more options, more of them too; all are gone after the test."""
    started = []

    def start(*options):
        started.append(Service(home, "scores-to-s3", tmp_path, *options))
        return started[-1]

    yield start
    for service in started:
        if service.process.poll() is None:
            service.kill()


@pytest.fixture
def store(home):
    return s3.client(home.endpoints.s3, home.secrets["s3_access_key"], home.secrets["s3_secret_key"])


def objects(store):
    """Every landed object with its rows; what it is called and said to be is what it holds."""
    for bucket in (entry["Name"] for entry in store.list_buckets()["Buckets"]):
        for page in store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="landing/"):
            for entry in page.get("Contents", ()):
                place = LandedObject.parse(entry["Key"])
                answer = store.get_object(Bucket=bucket, Key=entry["Key"])
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


def landed(store):
    """What the rows of each record say, by its place: more than one row only after a crash, and never two words."""
    found = {}
    for _, rows in objects(store):
        for row in rows:
            said = (row["timestamp"], row.get("value"), row.get("raw"))
            assert found.setdefault((row["topic"], row["partition"], row["offset"]), said) == said
    return found


def in_kafka(home):
    """The same of every record that Kafka has."""
    bootstrap = home.endpoints.kafka
    positions = Positions(bootstrap)
    ends = {
        (topic.name, partition): end
        for topic in SCORES_TO_S3.reads
        for partition, end in positions.ends(topic.name).items()
        if end > 0
    }
    found = {}
    with closing(Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "enable.auto.commit": False})) as reader:
        reader.assign([TopicPartition(*partition, 0) for partition in ends])
        deadline = time.monotonic() + 60
        while len(found) < sum(ends.values()):
            assert time.monotonic() < deadline
            for message in reader.consume(5_000, timeout=1):
                assert message.error() is None
                place = (message.topic(), message.partition(), message.offset())
                found[place] = (message.timestamp()[1], *said(message.value()))
    return found


def alone(home, service):
    """Wait until a service is the only one of its group and has read everything; returns its name there."""
    everything = [f"{topic.name}[{partition}]" for topic in SCORES_TO_S3.reads for partition in range(topic.partitions)]
    eventually(lambda: all(place in service.text() for place in everything))
    eventually(lambda: len(members(home)) == 1 and lag(home) == 0)
    return members(home)


def said(value):
    """Its value if it is JSON, and otherwise its bytes."""
    if value is None:
        return None, None
    if is_json(value):
        return json.loads(value), None
    return None, base64.b64encode(value).decode()


def test_each_record_lands_as_it_was_sent_in_the_hour_in_which_it_was_read(home, store, serve, sent, sensors):
    service = serve("--every", "1")
    begun = hour_of(datetime.now(tz=UTC))
    now = round(time.time(), 6)
    sent.send(HEAT, [grade(HEAT, sensors[0], 7, now, T_pf=None, pred="idle")])
    sent.send(HYDRAULIC, [grade(HYDRAULIC, sensors[1], 8, now, pred="danger", temperature=None, seq=None)])
    sent.flush()
    eventually(lambda: lag(home) == 0)
    found = landed(store)
    assert found == in_kafka(home)
    values = {key: value for key, (_, value, _) in found.items() if key in sent.places}
    assert sorted(value["sensor_id"] for value in values.values()) == list(sensors[:2])
    holding = {
        place.topic: place
        for place, rows in objects(store)
        if any((place.topic, place.partition, row["offset"]) in sent.places for row in rows)
    }
    assert set(holding) == {"heat_pf", "hydraulic_soh"}
    assert {place.hour for place in holding.values()} <= {begun, begun + timedelta(hours=1)}
    assert service.end() == 0
    assert "; 0 read and left to the next start" in service.text()
    assert members(home) == set()


def test_what_is_no_json_is_kept_byte_by_byte(home, store, serve, sent):
    serve("--every", "1")
    strange = [b"\xff\x00{", b"", None, b"{'pf': 1}", b'{"pf": NaN}', b"[1,\r\n 2]\n", b"null"]
    places = []
    for value in strange:
        sent.producer.produce(HEAT.scores.name, key="1", value=value, on_delivery=lambda _, m: places.append(m))
    sent.flush()
    eventually(lambda: lag(home) == 0)
    rows = {(p.topic, p.partition, row["offset"]): row for p, rows in objects(store) for row in rows}
    found = [rows[message.topic(), message.partition(), message.offset()] for message in places]
    assert [base64.b64decode(row["raw"]) for row in found if row.get("raw")] == [strange[0], strange[3], strange[4]]
    assert [row.get("raw", "json") for row in found[1:3]] == ["", None]
    assert [row["value"] for row in found[5:]] == [[1, 2], None]


def test_a_killed_service_loses_nothing_and_had_committed_only_what_is_on_s3(home, store, serve, sent, sensors):
    records = list(grades(HEAT, sensors, range(3_000)))
    for part in range(3):
        service = serve("--every", "1")
        sent.send(HEAT, records[part * 10_000 : (part + 1) * 10_000])
        sent.flush()
        before = len(landed(store))
        eventually(lambda before=before: len(landed(store)) > before)
        service.kill()
        committed, found = commits(home), landed(store)
        promised = {
            (topic, partition, offset)
            for topic, partition, offset in in_kafka(home)
            if offset < committed[topic].get(partition, 0)
        }
        assert promised <= set(found)
        # Read and not landed when the next one is killed.
        sent.send(HEAT, [grade(HEAT, sensors[0], 10_000 + part, time.time())])
        sent.flush()
    serve("--every", "1")
    eventually(lambda: lag(home) == 0)
    assert landed(store) == in_kafka(home)


def test_a_service_that_is_told_to_stop_lands_what_is_open(home, store, serve, sent, sensors):
    before = serve("--every", "1")
    alone(home, before)
    assert before.end() == 0
    service = serve("--every", "90")
    alone(home, service)
    sent.send(HEAT, grades(HEAT, sensors, range(20)))
    sent.flush()
    time.sleep(10)
    assert lag(home) == 200
    assert service.end() == 0
    assert re.search(r"stopped: 200 landed in [1-3] objects; 0 read and left", service.text())
    assert lag(home) == 0
    assert landed(store) == in_kafka(home)


def test_partitions_go_from_one_service_to_another_while_grades_flow(home, store, serve, sent, sensors):
    records = list(grades(HEAT, sensors, range(2_000)))
    first, second = serve("--every", "1"), serve("--every", "1")
    eventually(lambda: len(members(home)) == 2)
    eventually(lambda: "reads " in first.text() and "reads " in second.text())
    eventually(lambda: lag(home) == 0)
    before = Counter(place for place, _ in objects(store))
    sent.send(HEAT, records[:10_000])
    assert first.end() == 0
    sent.send(HEAT, records[10_000:])
    sent.flush()
    eventually(lambda: lag(home) == 0)
    assert landed(store) == in_kafka(home)
    rows = Counter(
        (place.topic, place.partition, row["offset"])
        for place, rows in objects(store)
        if place not in before
        for row in rows
    )
    assert set(rows.values()) == {1}, "no crash, and yet records that landed twice"
    assert second.process.poll() is None


@pytest.mark.parametrize("how", ["KILL", "STOP"])
def test_a_store_that_is_away_loses_nothing_and_costs_no_member(servers, home, store, serve, sent, sensors, how):
    records = list(grades(HEAT, sensors, range(2_000)))
    service = serve("--every", "1")
    member = alone(home, service)
    if how == "STOP":
        pid = servers.supervisor.pid("s3proxy")
        os.kill(pid, signal.SIGSTOP)
        try:
            sent.send(HEAT, records)
            sent.flush()
            time.sleep(20)
            assert members(home) == member
        finally:
            os.kill(pid, signal.SIGCONT)
    else:
        with away(servers, "s3proxy"):
            sent.send(HEAT, records)
            sent.flush()
            committed = commits(home)
            eventually(lambda: "grades wait for it" in service.text())
            time.sleep(15)
            assert lag(home) == len(records)
            assert commits(home) == committed
            assert members(home) == member
            assert len(re.findall("grades wait for it", service.text())) == 1
    eventually(lambda: lag(home) == 0)
    assert landed(store) == in_kafka(home)
    assert members(home) == member
    assert re.search(r"object store at \S+ did not take s3://lake/landing/heat_pf/.*grades wait for it", service.text())
    assert re.search(r"S3 takes grades again after \d+ s", service.text())


def test_what_comes_while_the_store_is_away_stays_in_kafka_and_not_in_memory(servers, home, store, serve, sent):
    service = serve("--every", "1")
    alone(home, service)
    used = psutil.Process(service.process.pid).memory_info
    with away(servers, "s3proxy"):
        sent.producer.produce(HEAT.scores.name, key="1", value=b"{}")
        sent.flush()
        eventually(lambda: "grades wait for it" in service.text())
        before = used().rss
        for number in range(600):
            value = b'"' + str(number).encode() * 30_000 + b'"'
            sent.producer.produce(HEAT.scores.name, key=str(number), value=value)
            sent.producer.poll(0)
        sent.flush()
        time.sleep(5)
        assert used().rss - before < 32 * 1024**2
    eventually(lambda: lag(home) == 0)
    assert landed(store) == in_kafka(home)


def test_a_service_that_waits_for_the_store_stops_when_told(servers, home, store, serve, sent, sensors):
    service = serve("--every", "1")
    alone(home, service)
    with away(servers, "s3proxy"):
        sent.send(HEAT, grades(HEAT, sensors, range(10)))
        sent.flush()
        eventually(lambda: "grades wait for it" in service.text())
        assert service.end() == 0
        assert lag(home) == 100
        assert members(home) == set()
        assert re.search(r"[1-9]\d* read and left to the next start", service.text())
    serve("--every", "1")
    eventually(lambda: lag(home) == 0)
    assert landed(store) == in_kafka(home)


def test_a_service_without_its_bucket_or_with_a_wrong_key_waits_and_says_so(home, store, serve, sent, tmp_path):
    (tmp_path / "wrong").write_text("no")
    refused = serve("--every", "1", "--secret-key-file", str(tmp_path / "wrong"))
    eventually(lambda: "reads heat_pf" in refused.text())
    sent.producer.produce(HEAT.scores.name, key="1", value=encoded(grade(HEAT, 1, 1, time.time())))
    sent.flush()
    eventually(lambda: "SignatureDoesNotMatch" in refused.text())
    refused.kill()
    homeless = serve("--every", "1", "--bucket", "s3://elsewhere")
    eventually(lambda: "NoSuchBucket" in homeless.text())
    assert lag(home) > 0
    make_buckets(home.endpoints.s3, ["s3://elsewhere"], home.secrets["s3_access_key"], home.secrets["s3_secret_key"])
    eventually(lambda: lag(home) == 0)
    assert landed(store) == in_kafka(home)
