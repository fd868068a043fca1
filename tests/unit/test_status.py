"""The state of the platform in one object, put together from what the servers answer."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from tests.fakes.endpoints import ENDPOINTS, SECRETS

from soh import status as module
from soh.classifier.registry import ModelVersion
from soh.errors import ServerUnreachable
from soh.lake.catalog import TableFigures
from soh.specs import FLEETS, STREAM_APPS, STREAMS, TOPICS
from soh.streams.checkpoint import Checkpoint
from soh.streams.model_in_use import ModelInUse
from soh.yarn import AppState, YarnApp

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


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
        self.committed = {0: 10, 1: 15}
        self.champions = {}
        self.in_use = None
        self.tables = [TableFigures(name="heat_raw", rows=5, files=2, bytes=99, snapshots=1, last_commit_at=NOON)]

    def look(self, monkeypatch, services=None):
        def positions(bootstrap):
            assert bootstrap == ENDPOINTS.kafka
            return SimpleNamespace(
                ends=lambda topic: answer(self.ends[topic]), committed=lambda _group, _topic: answer(self.committed)
            )

        def apps(tag):
            assert tag in {each.yarn_tag for each in STREAM_APPS.values()}
            return answer(self.apps)

        def read(_, path):
            assert path in {ENDPOINTS.checkpoint(name) for name in STREAMS}
            return answer(self.checkpoint)

        monkeypatch.setattr(module, "Positions", positions)
        monkeypatch.setattr(module, "_champions", lambda *_: answer(self.champions))
        monkeypatch.setattr(module.model_in_use, "read", lambda _, __: answer(self.in_use))
        monkeypatch.setattr(module, "ResourceManager", lambda _: SimpleNamespace(apps=apps))
        monkeypatch.setattr(module.checkpoint, "read", read)
        monkeypatch.setattr(module, "table_figures", lambda *_: answer(self.tables))
        return module.status(ENDPOINTS, services or {"kafka-1": "running"}, SECRETS)


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
    assert set(read) == {"at", "services", "streams", "topics", "tables", "groups", "models", "unanswered"}
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


def test_a_group_is_told_by_topic_with_what_it_has_not_read(platform, monkeypatch):
    found = platform.look(monkeypatch).groups
    assert {(group["name"], group["topic"], group["lag"]) for group in found} == {
        (group, fleet.scores.name, 5) for group in ("scores_to_tsdb", "scores_to_s3") for fleet in FLEETS.values()
    }


def test_a_group_whose_commits_are_not_told_has_no_lag(platform, monkeypatch):
    platform.committed = ServerUnreachable("no commits")
    assert {group["lag"] for group in platform.look(monkeypatch).groups} == {None}


def test_before_a_champion_every_fleet_has_a_row_without_a_version(platform, monkeypatch):
    found = platform.look(monkeypatch).models
    assert [model["fleet"] for model in found] == list(FLEETS)
    assert {(model["version"], model["macro_f1"], model["promoted_at"], model["in_use"]) for model in found} == {
        (None, None, None, None)
    }


def test_a_model_is_told_as_it_is_registered_and_as_it_is_used(platform, monkeypatch):
    platform.champions = {
        "soh_heat": ModelVersion(
            model="soh_heat",
            version=4,
            uri="s3://models/4",
            sha256="00",
            size=1,
            macro_f1=0.91,
            promoted_at=NOON,
            reason="",
            created_at=NOON,
        )
    }
    platform.in_use = ModelInUse(version="3", from_batch=7, since=NOON.isoformat(), refused="version 4: altered")
    heat = next(model for model in platform.look(monkeypatch).models if model["fleet"] == "heat")
    assert (heat["version"], heat["macro_f1"], heat["promoted_at"]) == (4, 0.91, NOON.isoformat())
    assert (heat["in_use"], heat["in_use_since"], heat["refused"]) == ("3", NOON.isoformat(), "version 4: altered")


@pytest.mark.parametrize("part", ["apps", "checkpoint", "tables", "champions", "in_use"])
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
