from __future__ import annotations

import json
from datetime import timedelta

import pytest
from tests.unit.orchestration.views.seen import (
    DOWN,
    NOW,
    grade,
    in_use,
    known,
    look,
    registered,
    seen,
    version,
    yarn_app,
)

from soh.orchestration.views import overview
from soh.orchestration.views.kept import Answer
from soh.orchestration.views.overview import Light, fleet_part, model_part, reader_parts
from soh.specs import CONSUMER_GROUPS, FLEETS, STREAMS, State
from soh.streams.verdict import Verdict
from soh.yarn import AppState

HEAT, HYDRAULIC = FLEETS["heat"], FLEETS["hydraulic"]


def reader(name="heat_scoring", **changes):
    return next(part for part in reader_parts(seen(**changes)) if part["name"] == name)


def test_a_fleet_counts_every_state_that_its_facilities_can_be_in():
    grades = [grade(100), grade(101), grade(102, State.WARNING), grade(103, State.IDLE)]
    states = fleet_part(HEAT, known(grades), NOW)["states"]
    assert states == {"normal": 2, "caution": 0, "warning": 1, "idle": 1, "unknown": 0}
    assert "danger" in fleet_part(HYDRAULIC, known([]), NOW)["states"]


def test_a_facility_is_its_last_grade():
    (facility,) = fleet_part(HEAT, known([grade(100, State.CAUTION)]), NOW)["facilities"]
    assert facility == {
        "id": 100,
        "state": "caution",
        "pf": 0.91,
        "probability": 0.97,
        "temperature": 41.5,
        "model_version": "3",
        "at": "2026-03-01T11:59:57.000+00:00",
        "silent": False,
    }


def test_what_is_no_number_is_null_so_that_the_answer_is_json():
    part = fleet_part(HEAT, known([grade(pf=float("nan"), temperature=float("inf"), probability=None)]), NOW)
    (facility,) = json.loads(json.dumps(part, allow_nan=False))["facilities"]
    assert (facility["pf"], facility["temperature"], facility["probability"]) == (None, None, None)


def test_a_facility_without_a_grade_for_a_minute_is_silent():
    grades = [grade(100), grade(101, ago=timedelta(seconds=59)), grade(102, ago=timedelta(seconds=61))]
    part = fleet_part(HEAT, known(grades), NOW)
    assert ([facility["silent"] for facility in part["facilities"]], part["silent"]) == ([False, False, True], 1)


def test_of_a_large_fleet_the_worst_are_listed_by_number_and_all_are_counted(monkeypatch):
    monkeypatch.setattr(overview, "MOST_FACILITIES", 2)
    grades = [grade(100), grade(101, State.WARNING), grade(102), grade(103, State.CAUTION)]
    part = fleet_part(HEAT, known(grades), NOW)
    assert [facility["id"] for facility in part["facilities"]] == [101, 103]
    assert (part["left_out"], part["states"]["normal"]) == (2, 2)


def test_a_fleet_whose_server_is_down_keeps_its_last_grades_and_says_of_when():
    part = fleet_part(HEAT, Answer(value=[grade()], at=NOW, trouble="it is down"), NOW)
    assert (len(part["facilities"]), part["answered_at"], part["trouble"]) == (
        1,
        "2026-03-01T12:00:00.000+00:00",
        "it is down",
    )
    assert fleet_part(HEAT, DOWN, NOW)["facilities"] == []


def test_a_model_is_what_the_stream_says_beside_what_the_registry_holds():
    part = model_part(HEAT, in_use("2", "version 3: altered"), registered(version(3), [version(3), version(2)]))
    assert part["in_use"] == {"version": "2", "since": "2026-02-28T12:00:00+00:00", "macro_f1": 0.92}
    assert part["refused"] == "version 3: altered"
    assert (part["champion"]["version"], part["champion"]["macro_f1"]) == ("3", 0.93)
    assert part["champion"]["reason"] == "better in every state"
    assert [each["version"] for each in part["newest"]] == ["3", "2"]


@pytest.mark.parametrize("word", ["rule", "none"])
def test_what_is_no_version_has_no_score(word):
    assert model_part(HEAT, in_use(word), registered(None))["in_use"]["macro_f1"] is None


def test_a_model_of_which_nothing_is_known_says_who_was_asked():
    part = model_part(HEAT, DOWN, DOWN)
    assert (part["in_use"], part["champion"], part["newest"]) == (None, None, [])
    assert part["in_use_asked"]["trouble"] == part["registry_asked"]["trouble"] == "it is down"


def test_every_stream_and_consumer_group_is_listed_once():
    assert sorted(part["name"] for part in reader_parts(seen())) == sorted([*STREAMS, *CONSUMER_GROUPS])


@pytest.mark.parametrize(
    ("changes", "light", "state"),
    [
        pytest.param({}, Light.GOOD, "moves", id="moves"),
        pytest.param(
            {"readers": {"heat_scoring": known([look(Verdict.IN_BATCH)])}}, Light.GOOD, "in a batch", id="batch"
        ),
        pytest.param(
            {"readers": {"heat_scoring": known([look(Verdict.STALL)])}}, Light.BAD, "stands still", id="stall"
        ),
        pytest.param(
            {"readers": {"heat_scoring": known([look(Verdict.OK), look(Verdict.GONE)])}},
            Light.BAD,
            "place is gone",
            id="the-worst-topic-decides",
        ),
        pytest.param(
            {"readers": {"heat_scoring": known([look(Verdict.WARN)])}}, Light.ATTENTION, "falls behind", id="slow"
        ),
        pytest.param({"readers": {"heat_scoring": DOWN}}, Light.UNSEEN, "not seen", id="not-seen"),
        pytest.param({"apps": {"scoring": known(None)}}, Light.ATTENTION, "not started", id="not-started"),
        pytest.param({"apps": {"scoring": known(yarn_app(AppState.KILLED))}}, Light.ATTENTION, "killed", id="killed"),
        pytest.param({"apps": {"scoring": DOWN}}, Light.GOOD, "moves", id="yarn-down"),
    ],
)
def test_a_reader_s_light_and_word(changes, light, state):
    part = reader(**changes)
    assert (part["light"], part["state"]) == (light, state)


def test_a_reader_tells_its_lag_and_last_commit():
    part = reader("scores_to_tsdb", readers={"scores_to_tsdb": known([look(lag=3), look(lag=4)])})
    assert (part["lag"], part["kind"], part["dag_id"]) == (7, "consumer group", None)
    assert reader()["last_commit_at"] == "2026-03-01T11:59:56.000+00:00"
    assert reader(readers={"heat_scoring": DOWN})["lag"] is None


def test_readers_that_need_a_hand_come_first():
    parts = reader_parts(seen(readers={"hydraulic_scoring": known([look(Verdict.STOP)])}))
    assert parts[0]["name"] == "hydraulic_scoring"
