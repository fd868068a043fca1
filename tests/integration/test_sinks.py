"""Grades from three real brokers to every store that takes them: all of them, through kills and outages.

All sinks go through a scenario side by side, so that what has to be waited for is waited for once.
"""

from __future__ import annotations

import base64
import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count, islice

import psutil
import pytest
from tests.fakes.grades import grade, grades
from tests.integration import reading
from tests.integration.reading import Sent, Service, away, eventually, hung
from tests.integration.sinks import ToS3, ToTsdb

from soh.kafka import admin
from soh.kafka.plan import plan
from soh.local import prepare
from soh.local.readiness import reads_all
from soh.serving.consumer import consumer_settings
from soh.specs import TOPICS
from soh.specs.fleets import HEAT, HYDRAULIC
from soh.specs.landing import hour_of
from soh.specs.tsdb import RETENTION
from soh.trouble import REPEAT_AFTER

WAITS = "grades wait for it"
LONGER_THAN_A_SESSION = consumer_settings("", "")["session.timeout.ms"] / 1000 + 1

_next_sensor = count(50_000, 100)


@pytest.fixture(scope="module")
def home(servers):
    home = servers.home
    prepare.tsdb(home)
    admin.apply(home.endpoints.kafka, plan(TOPICS.values(), admin.describe(home.endpoints.kafka, list(TOPICS))))
    return home


@pytest.fixture(scope="module")
def tsdb(home):
    return ToTsdb(home)


@pytest.fixture(scope="module")
def s3(home):
    sink = ToS3(home)
    sink.clear()
    yield sink
    sink.clear()


@pytest.fixture(scope="module")
def sinks(home, tsdb, s3):
    """All of them; what other tests sent is nothing to them."""
    every = (tsdb, s3)
    for sink in every:
        reading.skip(home, sink.group)
    return every


@pytest.fixture
def stores(sinks):
    return [sink.store for sink in sinks]


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
    """Starts a service of a sink; all are told to stop after the test, and do."""
    started = []

    def start(sink, *options):
        started.append(Service(home, sink.service, tmp_path, *(options or sink.at_once)))
        return started[-1]

    yield start
    running = [service for service in started if service.runs]
    for service in running:
        service.process.terminate()
    assert [service.process.wait(20) for service in running] == [0] * len(running)


@pytest.fixture
def lag(home):
    return lambda sink: reading.lag(home, sink.group)


@pytest.fixture
def members(home):
    return lambda sink: reading.members(home, sink.group)


@pytest.fixture
def settled(home, members):
    """Waits until these services are all that there are of a sink, and each reads something; their names there."""

    def wait(sink, *services):
        eventually(lambda: all(re.search(r"reads \w+\[", service.text()) for service in services))
        eventually(lambda: len(members(sink)) == len(services) and reads_all(home.endpoints.kafka, sink.group)())
        return members(sink)

    return wait


def once(sensors, seqs):
    return Counter((sensor, seq) for sensor in sensors for seq in seqs)


def test_every_record_arrives_once_as_it_was_sent_and_who_is_told_to_stop_keeps_none_back(
    sinks, tsdb, s3, serve, settled, sent, sensors, lag, members
):
    # Objects are closed by the end of the service, not by their time.
    options = {tsdb: (), s3: ("--every", "90")}
    services = {sink: serve(sink, *options[sink]) for sink in sinks}
    for sink, service in services.items():
        settled(sink, service)
    begun, now = hour_of(datetime.now(tz=UTC)), round(time.time(), 6)
    idle, danger, *others = sensors
    one = grade(HEAT, idle, 7, now, T_pf=None, pred="idle")
    old = [grade(HEAT, others[0], seq, now - RETENTION.total_seconds() - 60 - seq) for seq in range(100, 105)]
    bad = [
        grade(HEAT, others[0], 200, now, pred="fine"),
        grade(HEAT, others[0], 201, now, temperature="warm"),
        grade(HEAT, others[0], 202, now + 2 * 3600),
    ]
    strange = [b"\xff\x00{", b"", None, b"{'pf': 1}", b'{"pf": NaN}', b"[1,\r\n 2]\n", b"null"]
    sent.send(HEAT, [one, *old, *bad, *grades(HEAT, others, range(20))])
    sent.send(HYDRAULIC, [grade(HYDRAULIC, danger, 8, now, pred="danger", temperature=None, seq=None)])
    places = []
    for value in strange:
        sent.producer.produce(HEAT.scores.name, key="1", value=value, on_delivery=lambda _, m: places.append(m))
    sent.flush()
    everything = len(sent.places) + len(strange)
    eventually(lambda: lag(tsdb) == 0)
    # S3 has had as long, and some seconds more; what it has read it keeps open.
    time.sleep(3)
    assert lag(s3) == everything
    assert [service.end() for service in services.values()] == [0, 0]
    assert [(lag(sink), members(sink)) for sink in sinks] == [(0, set())] * len(sinks)

    assert tsdb.arrived(sensors) == once(others, range(20)) + once([idle], [7])
    rows = {tags["sensor_id"]: row for tags, row in tsdb.points([idle, danger])}
    assert {name: value for name, value in rows[str(idle)].items() if value is not None} == {
        "time": round(now * 1e6),
        **{name: one[name] for name in ("temperature", "pf", "R_pf", "S_pf", "probability", "model_version")},
        "pred": "idle",
        "seq": 7,
        "source_partition": one["source_partition"],
        "source_offset": 7,
        "sent_at": int((now + 0.25) * 1000),
    }
    hydraulic = {name for name, value in rows[str(danger)].items() if value is not None}
    assert not hydraulic & {"pf", "R_pf", "temperature", "seq"}
    told = services[tsdb].text()
    assert "stopped: 162 written, 5 too old, 0 refused by the database, 10 unreadable; 0 read and left" in told
    reasons = ["pred is 'fine'", r"got `str` - at `\$\.temperature`", "too far ahead"]
    for reason, times in {**dict.fromkeys(reasons, 1), "no JSON": 3, "0 bytes": 2}.items():
        assert len(re.findall(rf"WARNING heat_pf\[\d\]@\d+ is no grade .*{reason}", told)) == times, reason

    s3.compare()
    assert re.search(rf"stopped: {everything} landed in [2-6] objects; 0 read and left", services[s3].text())
    objects = list(s3.objects())
    assert {place.topic for place, _ in objects} == {"heat_pf", "hydraulic_soh"}
    assert {place.hour for place, _ in objects} <= {begun, begun + timedelta(hours=1)}
    landed = {(place.topic, place.partition, row["offset"]): row for place, rows in objects for row in rows}
    found = [landed[message.topic(), message.partition(), message.offset()] for message in places]
    assert [base64.b64decode(row["raw"]) for row in found if row.get("raw")] == [strange[0], strange[3], strange[4]]
    assert [row.get("raw", "json") for row in found[1:3]] == ["", None]
    assert [row["value"] for row in found[5:]] == [[1, 2], None]


def test_a_killed_service_loses_nothing_and_had_committed_only_what_had_arrived(home, sinks, serve, sent, sensors, lag):
    seqs = range(2_000)
    records = grades(HEAT, sensors, seqs)
    # The second one finds a group with a dead member.
    for _ in range(2):
        running = {sink: (serve(sink), sink.arrived(sensors).total()) for sink in sinks}

        def kill_those_that_write(running=running):
            sent.send(HEAT, islice(records, 500))
            for sink, (service, before) in list(running.items()):
                if sink.arrived(sensors).total() > before:
                    service.kill()
                    del running[sink]
            return not running

        eventually(kill_those_that_write)
        sent.flush()
        for sink in sinks:
            committed, arrived = reading.commits(home, sink.group), sink.arrived(sensors)
            promised = {
                record
                for (topic, partition, offset), record in sent.places.items()
                if offset < committed[topic].get(partition, 0)
            }
            assert promised <= set(arrived), sink.name
    sent.send(HEAT, records)
    sent.flush()
    for sink in sinks:
        serve(sink)
    for sink in sinks:
        eventually(lambda sink=sink: lag(sink) == 0)
        arrived = sink.arrived(sensors)
        assert (Counter(set(arrived)) if sink.repeats_after_a_crash else arrived) == once(sensors, seqs), sink.name
        sink.compare()


def test_partitions_go_from_one_service_to_another_while_grades_flow(sinks, serve, settled, sent, sensors, lag):
    seqs = range(2_000)
    records = list(grades(HEAT, sensors, seqs))
    services = {sink: (serve(sink), serve(sink)) for sink in sinks}
    for sink, pair in services.items():
        settled(sink, *pair)
    sent.send(HEAT, records[:10_000])
    assert [first.end() for first, _ in services.values()] == [0, 0]
    sent.send(HEAT, records[10_000:])
    sent.flush()
    for sink, (_, second) in services.items():
        eventually(lambda sink=sink: lag(sink) == 0)
        assert sink.arrived(sensors) == once(sensors, seqs), sink.name
        sink.compare()
        assert second.runs


def test_a_store_that_hangs_loses_nothing_and_costs_no_member(
    servers, sinks, stores, serve, settled, sent, sensors, lag, members
):
    seqs = range(2_000)
    records = list(grades(HEAT, sensors, seqs))
    services = {sink: serve(sink) for sink in sinks}
    before = {sink: settled(sink, service) for sink, service in services.items()}
    sent.send(HEAT, records[:5_000])
    sent.flush()
    with hung(servers, stores):
        began = time.monotonic()
        sent.send(HEAT, records[5_000:])
        sent.flush()
        eventually(lambda: all(WAITS in service.text() for service in services.values()))
        time.sleep(max(0, began + LONGER_THAN_A_SESSION - time.monotonic()))
        assert {sink: members(sink) for sink in sinks} == before
    for sink, service in services.items():
        eventually(lambda sink=sink: lag(sink) == 0)
        assert sink.arrived(sensors) == once(sensors, seqs), sink.name
        sink.compare()
        assert members(sink) == before[sink]
        assert re.search(rf"{sink.name} takes grades again after \d+ s", service.text())


def test_a_store_that_is_away_loses_nothing_and_costs_no_member_no_memory_and_no_wait_at_the_end(
    servers, home, sinks, stores, serve, settled, sent, sensors, lag, members
):
    heat, hydraulic = sensors[:5], sensors[5:]
    services = {sink: (serve(sink), serve(sink)) for sink in sinks}
    for sink, pair in services.items():
        settled(sink, *pair)
    with away(servers, stores):
        began = time.monotonic()
        # Of both topics, so that there is something for each of two services.
        sent.send(HEAT, grades(HEAT, heat, range(1_000)))
        sent.send(HYDRAULIC, grades(HYDRAULIC, hydraulic, range(1_000)))
        sent.flush()
        committed = {sink: reading.commits(home, sink.group) for sink in sinks}
        for pair in services.values():
            eventually(lambda pair=pair: all(WAITS in service.text() for service in pair))

        for sink, (_, second) in services.items():
            assert second.end() == 0
            assert re.search(r"[1-9]\d* read and left to the next start", second.text()), sink.name
        staying = {sink: settled(sink, first) for sink, (first, _) in services.items()}

        used = {sink: psutil.Process(first.process.pid).memory_info for sink, (first, _) in services.items()}
        before = {sink: now().rss for sink, now in used.items()}
        for number in range(600):
            value = b'"' + str(number).encode() * 30_000 + b'"'
            sent.producer.produce(HEAT.scores.name, key=str(number), value=value)
            sent.producer.poll(0)
        sent.flush()
        time.sleep(max(5, began + LONGER_THAN_A_SESSION - time.monotonic()))
        for sink, (first, _) in services.items():
            assert used[sink]().rss - before[sink] < 32 * 1024**2, sink.name
            assert lag(sink) == 10_000 + 600
            assert reading.commits(home, sink.group) == committed[sink]
            assert members(sink) == staying[sink]
            assert first.text().count(WAITS) <= 1 + (time.monotonic() - began) // REPEAT_AFTER.total_seconds()
    for sink, (first, _) in services.items():
        eventually(lambda sink=sink: lag(sink) == 0)
        assert sink.arrived(sensors) == once(sensors, range(1_000)), sink.name
        sink.compare()
        assert members(sink) == staying[sink]
        assert re.search(rf"{sink.name} takes grades again after \d+ s", first.text())


def test_a_service_that_its_store_does_not_serve_waits_and_says_so(sinks, serve, settled, sent, sensors, lag, tmp_path):
    refused = [(sink, refusal) for sink in sinks for refusal in sink.refusals(tmp_path)]
    services = [serve(sink, *refusal.options) for sink, refusal in refused]
    for sink in sinks:
        settled(sink, *[service for service, (of, _) in zip(services, refused, strict=True) if of is sink])
    sent.send(HEAT, grades(HEAT, sensors[:5], range(20)))
    sent.send(HYDRAULIC, grades(HYDRAULIC, sensors[5:], range(20)))
    sent.flush()
    for service, (_, refusal) in zip(services, refused, strict=True):
        eventually(lambda service=service, words=refusal.complaint: words in service.text())
        assert WAITS in service.text()
    assert [lag(sink) for sink in sinks] == [200] * len(sinks)
    served = set()
    for service, (sink, refusal) in zip(services, refused, strict=True):
        if refusal.mend is None:
            assert service.end() == 0
        else:
            refusal.mend()
            served.add(sink)
    for sink in sinks:
        if sink not in served:
            serve(sink)
        eventually(lambda sink=sink: lag(sink) == 0)
        assert sink.arrived(sensors) == once(sensors, range(20)), sink.name
        sink.compare()
