"""The state of the platform in one object, put together from what the servers answer."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from soh import status as module
from soh.errors import ServerUnreachable
from soh.lake.catalog import TableFigures
from soh.settings import Endpoints
from soh.specs import STREAM_APPS, STREAMS, TOPICS
from soh.streams.checkpoint import Checkpoint
from soh.yarn import AppState, YarnApp

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENDPOINTS = Endpoints(
    kafka="k:1",
    webhdfs="http://n:2",
    hdfs="hdfs://n:3",
    hdfs_user="u",
    yarn="http://y:4",
    catalog_host="p",
    catalog_port=5,
    catalog_database="d",
    catalog_user="u",
    airflow="http://a:6",
)


def app(name, state, started=NOON):
    return YarnApp(
        id=name, name=name, state=state, final_state="UNDEFINED", tags=frozenset(), started=started, finished=None
    )


class Platform:
    """Servers that answer what a test says; an exception instead of an answer is raised."""

    def __init__(self):
        self.ends = {name: {0: 10, 1: 20} for name in TOPICS}
        self.apps = [app("application_1", AppState.RUNNING)]
        self.checkpoint = Checkpoint(committed=7, committed_at=NOON, positions={"heat": {0: 4, 1: 20}})
        self.tables = [TableFigures(name="heat_raw", rows=5, files=2, bytes=99, snapshots=1, last_commit_at=NOON)]

    def look(self, monkeypatch, services=None):
        def positions(bootstrap):
            assert bootstrap == ENDPOINTS.kafka
            return SimpleNamespace(ends=lambda topic: answer(self.ends[topic]))

        def apps(tag):
            assert tag in {each.yarn_tag for each in STREAM_APPS.values()}
            return answer(self.apps)

        def read(_, path):
            assert path in {ENDPOINTS.checkpoint(name) for name in STREAMS}
            return answer(self.checkpoint)

        monkeypatch.setattr(module, "Positions", positions)
        monkeypatch.setattr(module, "ResourceManager", lambda _: SimpleNamespace(apps=apps))
        monkeypatch.setattr(module.checkpoint, "read", read)
        monkeypatch.setattr(module, "table_figures", lambda *_: answer(self.tables))
        return module.status(ENDPOINTS, services or {"kafka-1": "running"}, "password")


def answer(what):
    if isinstance(what, Exception):
        raise what
    return what


@pytest.fixture
def platform():
    return Platform()


def stream(found, name):
    return next(entry for entry in found.streams if entry["name"] == name)


def test_every_stream_and_topic_is_there_and_it_is_one_json_object(platform, monkeypatch):
    found = platform.look(monkeypatch)
    assert [entry["name"] for entry in found.streams] == list(STREAMS)
    assert [entry["name"] for entry in found.topics] == list(TOPICS)
    read = json.loads(json.dumps(found.as_json()))
    assert set(read) == {"at", "services", "streams", "topics", "tables", "models", "unanswered"}
    assert set(read["streams"][0]) == {
        *("name", "app", "dag_id", "yarn_app_id", "state", "lag", "committed_batch", "last_commit_at")
    }
    assert read["services"] == {"kafka-1": "running"}
    assert read["unanswered"] == []


def test_lag_is_what_the_broker_has_beyond_the_committed_positions(platform, monkeypatch):
    found = platform.look(monkeypatch)
    assert stream(found, "heat_to_lake")["lag"] == 6
    # Nothing of this topic is committed yet.
    assert stream(found, "hydraulic_to_lake")["lag"] == 30


def test_a_position_beyond_the_broker_is_no_negative_lag(platform, monkeypatch):
    platform.checkpoint = Checkpoint(committed=7, committed_at=NOON, positions={"heat": {0: 99, 1: 19}})
    assert stream(platform.look(monkeypatch), "heat_to_lake")["lag"] == 1


@pytest.mark.parametrize(
    ("apps", "expected"),
    [
        pytest.param([], (None, "NOT_STARTED"), id="never-launched"),
        pytest.param(
            [app("new", AppState.RUNNING, NOON), app("old", AppState.KILLED, NOON - timedelta(hours=1))],
            ("new", "RUNNING"),
            id="the-newest",
        ),
        pytest.param(
            [app("late", AppState.FAILED, NOON + timedelta(hours=1)), app("alive", AppState.ACCEPTED, NOON)],
            ("alive", "ACCEPTED"),
            id="one-that-lives-before-a-newer-one-that-ended",
        ),
    ],
)
def test_the_app_shown_is_the_one_that_matters(platform, monkeypatch, apps, expected):
    platform.apps = apps
    shown = stream(platform.look(monkeypatch), "heat_to_lake")
    assert (shown["yarn_app_id"], shown["state"]) == expected


def test_before_a_first_commit_batch_and_time_are_unknown(platform, monkeypatch):
    platform.checkpoint = Checkpoint()
    shown = stream(platform.look(monkeypatch), "heat_to_lake")
    assert (shown["committed_batch"], shown["last_commit_at"]) == (None, None)


@pytest.mark.parametrize("part", ["apps", "checkpoint", "tables"])
def test_a_server_that_does_not_answer_is_named_once_and_the_others_are_still_asked(platform, monkeypatch, part):
    setattr(platform, part, ServerUnreachable(f"no {part}"))
    found = platform.look(monkeypatch)
    assert found.unanswered == [f"no {part}"]
    assert {entry["end_offsets_total"] for entry in found.topics} == {30}
    assert bool(found.tables) is (part != "tables")
    assert [entry["name"] for entry in found.streams] == list(STREAMS)


def test_a_stream_whose_checkpoint_cannot_be_read_keeps_its_row_with_what_yarn_says(platform, monkeypatch):
    platform.checkpoint = ServerUnreachable("no DataNode")
    shown = stream(platform.look(monkeypatch), "heat_to_lake")
    assert (shown["yarn_app_id"], shown["state"]) == ("application_1", "RUNNING")
    assert (shown["lag"], shown["committed_batch"], shown["last_commit_at"]) == (None, None, None)


def test_a_topic_that_is_not_told_does_not_hide_the_others(platform, monkeypatch):
    platform.ends["heat"] = ServerUnreachable("no heat")
    found = platform.look(monkeypatch)
    assert found.unanswered == ["no heat"]
    totals = {entry["name"]: entry["end_offsets_total"] for entry in found.topics}
    assert (totals.pop("heat"), set(totals.values())) == (0, {30})
