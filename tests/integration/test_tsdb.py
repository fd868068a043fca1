"""Points written to a real InfluxDB and read by people: what it refuses is told apart, and no question is changed."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from tests.fakes.grades import encoded, grade
from tests.integration.sinks import ToTsdb

from soh.errors import ServerUnreachable
from soh.local import prepare
from soh.local.configs import TSDB_READER, TSDB_WRITER
from soh.serving.points import ScoreReader
from soh.serving.records import Origin
from soh.serving.tsdb import Tsdb
from soh.serving.writing import TsdbWriter
from soh.specs import State
from soh.specs.fleets import HEAT
from soh.specs.tsdb import RETENTION

MINUTE = timedelta(minutes=1)

_next_sensor = count(10_000, 100)


@pytest.fixture(scope="module")
def home(servers):
    prepare.tsdb(servers.home)
    return servers.home


@pytest.fixture(scope="module")
def sink(home):
    return ToTsdb(home)


@pytest.fixture
def tsdb(sink):
    return sink.tsdb


@pytest.fixture
def sensors():
    """Ten facilities of this test alone."""
    first = next(_next_sensor)
    return range(first, first + 10)


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


def points(fleet, records):
    reader = ScoreReader(fleet)
    return [
        reader.read(encoded(record), Origin("heat_pf", 0, offset), int(time.time() * 1000))
        for offset, record in enumerate(records)
    ]


def test_points_on_either_side_of_the_retention_are_told_apart(sink, writer, sensors):
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
    assert sink.arrived(sensors).total() == len(outcome.written)


def test_points_that_the_database_refuses_are_found_among_those_it_takes(sink, writer, sensors):
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
    assert sink.arrived(sensors) == dict.fromkeys(((sensors[0], seq) for seq in range(500) if seq not in wrong), 1)


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
