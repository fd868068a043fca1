"""Every query of the Grafana dashboard on a live InfluxDB: it is understood, and it finds something."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from tests.fakes.dashboard import queries, sent
from tests.fakes.grades import encoded, grade

from soh.local import prepare
from soh.local.configs import TSDB_READER, TSDB_WRITER
from soh.serving.points import ScoreReader
from soh.serving.records import Origin
from soh.serving.tsdb import Tsdb
from soh.serving.writing import TsdbWriter
from soh.specs.fleets import HEAT
from soh.specs.models import State

FLEET = replace(HEAT, name="shown", model=replace(HEAT.model, states=tuple(State)[:4]))
FACILITIES = len(State)


@pytest.fixture(scope="module")
def tsdb(servers):
    """A database with ten minutes of one facility in each state."""
    home = servers.home
    prepare.tsdb(home)
    address = {"database": home.endpoints.tsdb_database}
    writer = TsdbWriter(home.endpoints.tsdb, **address, user=TSDB_WRITER, password=home.secrets["tsdb_writer"])
    now = time.time()
    reader = ScoreReader(FLEET)
    records = [
        grade(FLEET, sensor, seq, now - 5 * seq, pred=state)
        for sensor, state in enumerate(State, start=1)
        for seq in range(120)
    ]
    writer.write([reader.read(encoded(record), Origin("x", 0, 0), int(now * 1000)) for record in records])
    writer.close()
    return Tsdb(home.endpoints.tsdb, **address, user=TSDB_READER, password=home.secrets["tsdb_reader"])


@pytest.mark.parametrize(("name", "query"), queries(), ids=[name for name, _ in queries()])
def test_a_query_of_the_dashboard_finds_something(tsdb, name, query):
    asked = sent(query, fleet=FLEET.name, sensors="(1|2|6)", since="time >= now() - 15m", every="30s")
    rows = tsdb._ask(asked)
    assert rows
    values = {column: value for _, row in rows for column, value in row.items() if column != "time"}
    assert None not in values.values() or "fill(null)" in query
    if "Facilities by state" in name:
        assert [row["count"] for _, row in rows] == [1]
    if name.startswith("Facilities now"):
        assert {tags["sensor_id"] for tags, _ in rows} == {"1", "2", "6"}
        assert set(rows[0][1]) == {"time", "state", "pf", "probability", "temperature", "model"}
    if name.startswith("Graded"):
        assert max(row["readings"] for _, row in rows) == pytest.approx(FACILITIES / 5)


def test_all_facilities_are_shown_where_none_is_chosen(tsdb):
    (query,) = [query for name, query in queries() if name == "Facilities now A"]
    asked = sent(query, fleet=FLEET.name, sensors=".*", since="time >= now() - 15m", every="30s")
    assert len(tsdb._ask(asked)) == FACILITIES
