"""The Grafana dashboard says what the database holds, in one place each, and shows every state alike."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
import yaml
from tests.fakes.dashboard import GRAFANA, dashboard, queries

from soh.local.configs import TSDB_READER
from soh.specs import FLEETS, State
from soh.specs.tsdb import MEASUREMENT

PANELS = {panel["title"]: panel for panel in dashboard()["panels"]}
TAGS = {"fleet", "sensor_id"}
FIELDS = {field.wire_name for fleet in FLEETS.values() for field in fleet.scores.schema.fields}


@pytest.fixture(scope="module")
def datasource():
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/tsdb.yaml").read_text())["datasources"]
    return source


def test_it_is_looked_at_every_five_seconds_and_has_what_was_asked_for():
    model = dashboard()
    assert model["refresh"] == "5s"
    assert model["uid"]
    assert [variable["name"] for variable in model["templating"]["list"]] == ["fleet", "sensor"]
    types = {title: panel["type"] for title, panel in PANELS.items()}
    assert types["Facilities now"] == "table"
    assert types["State of each facility"] == "state-timeline"
    assert {"Power factor", "Temperature", "Models in use", "Graded readings per second"} <= set(types)


def test_every_panel_has_an_id_a_place_and_a_sentence_of_its_own():
    panels = list(PANELS.values())
    assert len(panels) == len(dashboard()["panels"]) == len({panel["id"] for panel in panels})
    assert all(panel["description"].endswith(".") for panel in panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


@pytest.mark.parametrize(("name", "query"), queries(), ids=[name for name, _ in queries()])
def test_a_query_names_only_what_is_in_the_database(name, query):
    assert MEASUREMENT in re.findall(r'FROM "(\w+)"', query)
    names = set(re.findall(r'"(\w+)"', query)) - {MEASUREMENT} - set(re.findall(r'AS "(\w+)"', query))
    assert names <= TAGS | FIELDS
    assert set(re.findall(r"\$(\w+)", query)) <= {"fleet", "sensor", "timeFilter", "__interval"}
    assert "time" in query or name.startswith("variable")


def test_every_state_is_counted_and_has_one_colour_everywhere():
    by_panel = []
    for title in ("Facilities by state now", "Facilities in each state"):
        counted = [re.search(r"\"state\" = '(\w+)'", target["query"]).group(1) for target in PANELS[title]["targets"]]
        assert counted == [target["alias"] for target in PANELS[title]["targets"]] == [str(state) for state in State]
        overrides = PANELS[title]["fieldConfig"]["overrides"]
        by_panel.append({o["matcher"]["options"]: o["properties"][0]["value"]["fixedColor"] for o in overrides})
    (in_table,) = [
        prop["value"]
        for override in PANELS["Facilities now"]["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "mappings"
    ]
    in_timeline = PANELS["State of each facility"]["fieldConfig"]["defaults"]["mappings"]
    by_panel += [
        {state: look["color"] for state, look in mappings[0]["options"].items()} for mappings in (in_table, in_timeline)
    ]
    assert by_panel == [by_panel[0]] * 4
    assert set(by_panel[0]) == set(State)
    assert len(set(by_panel[0].values())) == len(State)


def test_every_query_goes_to_the_one_data_source(datasource):
    used = {target["datasource"]["uid"] for panel in PANELS.values() for target in panel["targets"]}
    used |= {variable["datasource"]["uid"] for variable in dashboard()["templating"]["list"]}
    assert used == {datasource["uid"]}
    assert datasource["type"] == "influxdb"


def test_grafana_reads_as_the_user_that_may_only_read_with_a_password_from_a_secret(datasource):
    assert datasource["user"] == TSDB_READER
    assert re.fullmatch(r"\$__file\{/run/secrets/\w+\}", datasource["secureJsonData"]["password"])
