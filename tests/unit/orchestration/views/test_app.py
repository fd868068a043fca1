"""The page's answers while servers are down: always an answer, and every server that does not answer is named."""

from __future__ import annotations

import json
import time

import pytest

from soh.specs import CONSUMER_GROUPS, FLEETS, STREAMS


def overview(viewer):
    """What the page says when every server that refuses at once has done so; the first look may be too early."""
    deadline = time.monotonic() + 30
    while True:
        answer = viewer.ask("/api/overview")
        assert answer.status_code == 200
        found = answer.json()
        asked = [*found["fleets"], *(model["registry_asked"] for model in found["models"])]
        if not any(part["trouble"].startswith("no answer within") for part in asked):
            return found
        assert time.monotonic() < deadline, asked
        time.sleep(0.2)


def test_the_overview_has_every_part_with_every_server_down(viewer, yarn):
    yarn.down = True
    found = overview(viewer)
    assert [fleet["name"] for fleet in found["fleets"]] == [model["fleet"] for model in found["models"]] == [*FLEETS]
    assert {reader["name"] for reader in found["readers"]} == {*STREAMS, *CONSUMER_GROUPS}
    assert all(fleet["trouble"].startswith("InfluxDB at http://127.0.0.1:9 ") for fleet in found["fleets"])
    assert all("model registry at 127.0.0.1:5432" in model["registry_asked"]["trouble"] for model in found["models"])
    said = " ".join(notice["what"] for notice in found["notices"])
    for name in ("InfluxDB does not answer", "readers of Kafka cannot be judged", "YARN does not answer", "registry"):
        assert name in said


def test_no_answer_holds_a_secret(viewer, connections):
    text = json.dumps(overview(viewer))
    for connection in connections.values():
        assert connection.get("password", "none") not in text


def test_a_connection_that_does_not_exist_is_named_and_not_a_500(viewer, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_TSDB")
    assert all("tsdb" in fleet["trouble"] for fleet in overview(viewer)["fleets"])


def test_a_history_says_that_the_server_is_down(viewer):
    overview(viewer)
    answer = viewer.ask("/api/fleets/heat/facilities/100?span=6h")
    assert answer.status_code == 200
    assert (answer.json()["points"], answer.json()["trouble"][:8]) == ([], "InfluxDB")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/fleets/nope/facilities/100", 404),
        ("/api/fleets/heat/facilities/100?span=7d", 422),
        ("/api/fleets/heat/facilities/-1", 422),
        ("/api/fleets/heat/facilities/1'%20OR%20'1'%3D'1", 422),
        ("/api/fleets/heat/facilities/99999999999999999999", 422),
    ],
)
def test_what_is_asked_for_from_outside_is_checked(viewer, path, status):
    answer = viewer.ask(path)
    assert answer.status_code == status
    assert "text/html" not in answer.headers["content-type"]
    json.loads(answer.text)
