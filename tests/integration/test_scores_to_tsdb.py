"""Grades from three real brokers to a real InfluxDB, each once, through kills and outages."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

import pytest
from tests.fakes.grades import encoded, grade, grades
from tests.integration import reading
from tests.integration.reading import Sent, Service, away, eventually

from soh.errors import ServerUnreachable
from soh.kafka import admin
from soh.kafka.plan import plan
from soh.local import prepare
from soh.local.configs import TSDB_READER, TSDB_WRITER
from soh.serving.points import ScoreReader
from soh.serving.records import Origin
from soh.serving.tsdb import Tsdb
from soh.serving.writing import TsdbWriter
from soh.specs import TOPICS, State
from soh.specs.fleets import HEAT, HYDRAULIC
from soh.specs.groups import SCORES_TO_TSDB
from soh.specs.tsdb import MEASUREMENT, RETENTION

MINUTE = timedelta(minutes=1)

lag = partial(reading.lag, group=SCORES_TO_TSDB)
commits = partial(reading.commits, group=SCORES_TO_TSDB)
members = partial(reading.members, group=SCORES_TO_TSDB)

_next_sensor = count(10_000, 100)


@pytest.fixture(scope="module")
def home(servers):
    home = servers.home
    prepare.tsdb(home)
    admin.apply(home.endpoints.kafka, plan(TOPICS.values(), admin.describe(home.endpoints.kafka, list(TOPICS))))
    reading.skip(home, SCORES_TO_TSDB)
    return home


@pytest.fixture
def sensors():
    """Ten facilities of this test alone."""
    first = next(_next_sensor)
    return range(first, first + 10)


@pytest.fixture
def tsdb(home):
    return Tsdb(home.endpoints.tsdb, home.endpoints.tsdb_database, TSDB_READER, home.secrets["tsdb_reader"])


@pytest.fixture
def writer(home):
    writer = TsdbWriter(
        home.endpoints.tsdb,
        database=home.endpoints.tsdb_database,
        user=TSDB_WRITER,
        password=home.secrets["tsdb_writer"],
    )
    yield writer
    writer.close()


@pytest.fixture
def serve(home, tmp_path):
    """Starts the consumer, more of them too; all are gone after the test."""
    started = []

    def start():
        started.append(Service(home, "scores-to-tsdb", tmp_path))
        return started[-1]

    yield start
    for service in started:
        if service.process.poll() is None:
            service.kill()


@pytest.fixture
def sent(home):
    return Sent(home)


def in_database(tsdb, sensors):
    """How often each (sensor, seq) is in the database."""
    rows = tsdb._ask(
        f"SELECT seq FROM {MEASUREMENT} WHERE sensor_id =~ /^({'|'.join(map(str, sensors))})$/ GROUP BY sensor_id"
    )
    return Counter((int(tags["sensor_id"]), row["seq"]) for tags, row in rows)


def once(sensors, seqs):
    return Counter((sensor, seq) for sensor in sensors for seq in seqs)


def test_each_grade_is_in_the_database_once_as_it_was_sent(home, tsdb, serve, sent, sensors):
    now = round(time.time(), 6)
    service = serve()
    one = grade(HEAT, sensors[0], 7, now, T_pf=None, pred="idle")
    sent.send(HEAT, [one])
    sent.send(HYDRAULIC, [grade(HYDRAULIC, sensors[1], 8, now, pred="danger", temperature=None, seq=None)])
    sent.flush()
    eventually(lambda: len(tsdb._ask(f"SELECT seq, pred FROM {MEASUREMENT} WHERE fleet = 'hydraulic'")) > 0)
    eventually(lambda: lag(home) == 0)
    rows = {tags["sensor_id"]: row for tags, row in tsdb._ask(f"SELECT * FROM {MEASUREMENT} GROUP BY fleet, sensor_id")}
    heat = {name: value for name, value in rows[str(sensors[0])].items() if value is not None}
    offset = sent.places
    assert heat == {
        "time": round(now * 1e6),
        **{name: one[name] for name in ("temperature", "pf", "R_pf", "S_pf", "probability", "model_version")},
        "pred": "idle",
        "seq": 7,
        "source_partition": one["source_partition"],
        "source_offset": 7,
        "sent_at": int((now + 0.25) * 1000),
    }
    hydraulic = {name for name, value in rows[str(sensors[1])].items() if value is not None}
    assert not hydraulic & {"pf", "R_pf", "temperature", "seq"}
    assert len(offset) == 2
    assert service.end() == 0
    assert re.search(r"stopped: 2 written, 0 too old, 0 refused by the database, 0 unreadable; 0 read", service.text())
    assert members(home) == set()


def test_a_killed_consumer_loses_nothing_and_had_committed_only_what_was_written(home, tsdb, serve, sent, sensors):
    seqs = range(3_000)
    records = list(grades(HEAT, sensors, seqs))
    for part in range(3):
        service = serve()
        sent.send(HEAT, records[part * 10_000 : (part + 1) * 10_000])
        eventually(lambda part=part: in_database(tsdb, sensors).total() > part * 10_000 + 2_000)
        service.kill()
        sent.flush()
        committed, written = commits(home), in_database(tsdb, sensors)
        promised = [
            record
            for (topic, partition, offset), record in sent.places.items()
            if offset < committed[topic].get(partition, 0)
        ]
        assert set(promised) <= set(written)
    serve()
    eventually(lambda: lag(home) == 0)
    assert in_database(tsdb, sensors) == once(sensors, seqs)


def test_partitions_go_from_one_consumer_to_another_while_grades_flow(home, tsdb, serve, sent, sensors):
    seqs = range(2_000)
    records = list(grades(HEAT, sensors, seqs))
    first, second = serve(), serve()
    eventually(lambda: len(members(home)) == 2)
    eventually(lambda: "reads " in first.text() and "reads " in second.text())
    sent.send(HEAT, records[:10_000])
    assert first.end() == 0
    sent.send(HEAT, records[10_000:])
    sent.flush()
    eventually(lambda: lag(home) == 0)
    assert in_database(tsdb, sensors) == once(sensors, seqs)
    assert second.process.poll() is None


@pytest.mark.parametrize("how", ["KILL", "STOP"])
def test_a_database_that_is_away_loses_nothing_and_costs_no_member(servers, home, tsdb, serve, sent, sensors, how):
    seqs = range(2_000)
    records = list(grades(HEAT, sensors, seqs))
    service = serve()
    sent.send(HEAT, records[:5_000])
    eventually(lambda: in_database(tsdb, sensors).total() > 0)
    member = members(home)
    if how == "STOP":
        pid = servers.supervisor.pid("influxdb")
        os.kill(pid, signal.SIGSTOP)
        sent.send(HEAT, records[5_000:])
        time.sleep(15)
        assert members(home) == member
        os.kill(pid, signal.SIGCONT)
    else:
        with away(servers, "influxdb"):
            sent.send(HEAT, records[5_000:])
            sent.flush()
            committed = commits(home)
            time.sleep(15)
            assert lag(home) > 0
            assert commits(home) == committed
            assert members(home) == member
    sent.flush()
    eventually(lambda: lag(home) == 0)
    assert in_database(tsdb, sensors) == once(sensors, seqs)
    assert members(home) == member
    assert service.text().count("grades wait for it") >= 1
    assert "InfluxDB takes grades again" in service.text()


def test_a_consumer_that_waits_for_the_database_stops_when_told(servers, home, tsdb, serve, sent, sensors):
    service = serve()
    eventually(lambda: members(home))
    with away(servers, "influxdb"):
        sent.send(HEAT, grades(HEAT, sensors, range(10)))
        sent.flush()
        eventually(lambda: "grades wait for it" in service.text())
        assert service.end() == 0
        assert lag(home) == 100
        assert members(home) == set()
    serve()
    eventually(lambda: lag(home) == 0)
    assert in_database(tsdb, sensors) == once(sensors, range(10))


def test_what_is_too_old_or_unreadable_is_counted_and_holds_nobody_up(home, tsdb, serve, sent, sensors):
    now = time.time()
    day = RETENTION.total_seconds()
    old = [grade(HEAT, sensors[0], seq, now - day - 60 - seq) for seq in range(5)]
    bad = [
        grade(HEAT, sensors[1], 0, now, pred="fine"),
        grade(HEAT, sensors[1], 1, now, temperature="warm"),
        grade(HEAT, sensors[1], 2, now + 2 * 3600),
    ]
    service = serve()
    sent.send(HEAT, [*old, *bad, *grades(HEAT, sensors, range(20))])
    sent.producer.produce(HEAT.scores.name, key="1", value=b"\xff{")
    sent.producer.produce(HEAT.scores.name, key="1", value=None)
    sent.flush()
    eventually(lambda: lag(home) == 0)
    assert in_database(tsdb, sensors) == once(sensors, range(20))
    assert service.end() == 0
    assert "stopped: 200 written, 5 too old, 0 refused by the database, 5 unreadable" in service.text()
    for reason in ("pred is 'fine'", r"got `str` - at `\$\.temperature`", "too far ahead", "no JSON", "0 bytes"):
        assert len(re.findall(rf"WARNING heat_pf\[\d\]@\d+ is no grade .*{reason}", service.text())) == 1, reason


def points(fleet, records):
    reader = ScoreReader(fleet)
    return [
        reader.read(encoded(record), Origin("heat_pf", 0, offset), int(time.time() * 1000))
        for offset, record in enumerate(records)
    ]


def test_points_on_either_side_of_the_retention_are_told_apart(tsdb, writer, sensors):
    border = time.time() - RETENTION.total_seconds()
    asked = points(HEAT, [grade(HEAT, sensors[0], seq, border + 300 * seq + 150) for seq in range(-40, 40)])
    outcome = writer.write(asked)
    assert not outcome.refused
    assert len(outcome.written) + len(outcome.expired) == len(asked)
    assert max(point.time for point in outcome.expired) < min(point.time for point in outcome.written)
    # The database forgets by the hour: of the hour with the border in it, it takes the older part too.
    assert {point.time for point in asked if point.time > border * 1e6} <= {point.time for point in outcome.written}
    assert {point.time for point in asked if point.time < (border - 3600) * 1e6} <= {
        point.time for point in outcome.expired
    }
    assert in_database(tsdb, sensors).total() == len(outcome.written)


def test_points_that_the_database_refuses_are_found_among_those_it_takes(tsdb, writer, sensors):
    now = time.time()
    asked = points(HEAT, [grade(HEAT, sensors[0], seq, now - 1 + seq / 1000) for seq in range(500)])
    wrong = {13: ("pf=0.91", "pf=1i"), 14: ("pf=0.91", "pf=true"), 300: ("seq=300i", "seq=nan")}
    for number, (right, other) in wrong.items():
        asked[number] = replace(asked[number], line=asked[number].line.replace(right, other))
    old = points(HEAT, [grade(HEAT, sensors[0], 900, now - 2 * RETENTION.total_seconds())])
    outcome = writer.write([*asked, *old])
    reasons = {point.origin.offset: reason for point, reason in outcome.refused}
    assert reasons.keys() == set(wrong)
    assert "field type conflict" in reasons[13]
    assert "invalid" in reasons[300]
    assert outcome.expired == tuple(old)
    assert in_database(tsdb, sensors) == once(sensors[:1], set(range(500)) - set(wrong))


def test_a_server_that_is_away_or_lets_nobody_in_is_named(home):
    for url, user in ((home.endpoints.tsdb, "nobody"), ("http://127.0.0.1:1", TSDB_WRITER)):
        writer = TsdbWriter(url, database=home.endpoints.tsdb_database, user=user, password="wrong")
        with pytest.raises(ServerUnreachable, match=re.escape(url)):
            writer.write(points(HEAT, [grade(HEAT, 1, 1, time.time())]))


# Read by people.


@pytest.fixture
def many(home, writer):
    """Facilities of a fleet of their own, so that all of it is known."""
    name = f"fleet{time.monotonic_ns()}"
    fleet = replace(HEAT, name=name)
    now = time.time()
    records = [
        grade(HEAT, sensor, seq, now - 3600 + 60 * seq + sensor / 1000, pred=State.IDLE if sensor == 3 else "caution")
        for sensor in range(1, 4)
        for seq in range(60 if sensor < 3 else 30)
    ]
    writer.write(points(fleet, records))
    return fleet, now


def test_the_latest_grade_of_every_facility_also_of_one_that_is_silent(tsdb, many):
    fleet, now = many
    found = tsdb.latest(fleet)
    assert [(grade.sensor, grade.seq, grade.state) for grade in found] == [
        (1, 59, State.CAUTION),
        (2, 59, State.CAUTION),
        (3, 29, State.IDLE),
    ]
    assert abs(found[0].at.timestamp() - (now - 60 + 0.001)) < 1e-5
    assert found[0].sent_at - found[0].at - timedelta(seconds=0.25) < timedelta(milliseconds=1)
    assert (found[0].pf, found[0].temperature, found[0].probability) == (0.91, 40.5 + 59 % 7, 0.75)
    assert tsdb.latest(replace(HEAT, name="fleet_of_nobody")) == []


def test_the_history_of_a_facility_by_interval(tsdb, many):
    fleet, now = many
    since = datetime.fromtimestamp(now, tz=UTC) - timedelta(hours=2)
    found = tsdb.history(fleet, 3, since, timedelta(minutes=10))
    assert {point.state for point in found} == {State.IDLE}
    assert 3 <= len(found) <= 4
    assert all(point.pf == pytest.approx(0.91) and 40 < point.temperature < 47 for point in found)
    assert tsdb.history(fleet, 99, since, timedelta(minutes=10)) == []


def test_the_number_of_facilities_in_each_state(tsdb, many):
    fleet, now = many
    since = datetime.fromtimestamp(now, tz=UTC) - timedelta(hours=2)
    found = tsdb.state_counts(fleet, since, timedelta(minutes=10))
    assert found[1].facilities == {State.CAUTION: 2, State.IDLE: 1}
    assert found[-1].facilities == {State.CAUTION: 2}
    assert [counts.at for counts in found] == sorted(counts.at for counts in found)


def test_what_a_caller_gives_cannot_change_the_question(tsdb, many):
    fleet, now = many
    since = datetime.fromtimestamp(now, tz=UTC) - timedelta(hours=2)
    with pytest.raises(ValueError, match="invalid literal"):
        tsdb.history(fleet, "1' OR 1 = 1", since, MINUTE)


def test_the_reader_may_not_write_and_a_ping_tells_the_version(home, tsdb):
    assert tsdb.ping().startswith("1.")
    reader = TsdbWriter(
        home.endpoints.tsdb,
        database=home.endpoints.tsdb_database,
        user=TSDB_READER,
        password=home.secrets["tsdb_reader"],
    )
    with pytest.raises(ServerUnreachable, match="403"):
        reader.write(points(HEAT, [grade(HEAT, 1, 1, time.time())]))
    with pytest.raises(ServerUnreachable, match="401"):
        Tsdb(home.endpoints.tsdb, home.endpoints.tsdb_database, TSDB_READER, "wrong").ping()
    with pytest.raises(ServerUnreachable, match="SELECT"):
        Tsdb("http://127.0.0.1:1", "soh", "reader", "x").latest(HEAT)


def test_ten_thousand_facilities_are_read_within_seconds(writer, tsdb):
    name = f"fleet{time.monotonic_ns()}"
    fleet = replace(HEAT, name=name)
    now = time.time()
    many = points(fleet, [grade(HEAT, sensor, 1, now - 30) for sensor in range(10_000)])
    for begin in range(0, len(many), 5_000):
        writer.write(many[begin : begin + 5_000])
    began = time.monotonic()
    assert len(tsdb.latest(fleet)) == 10_000
    assert time.monotonic() - began < 5
