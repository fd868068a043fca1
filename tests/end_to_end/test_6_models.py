"""A classifier is trained from the lake, and the running stream grades with it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from tests.end_to_end.scratch import RECOVERY, wait_for

from soh.airflow_api import RunState
from soh.hdfs import Hdfs
from soh.settings import Endpoints
from soh.specs import FLEETS

WITHIN = timedelta(minutes=12)
"""Trainings that nights have brought about may be in front of ours."""
RIG = FLEETS["hydraulic"]
STREAM = "hydraulic_scoring"


@pytest.fixture
def api(platform):
    if not platform.data:
        pytest.skip("the rig's fleet is off: no recording at hand")
    return platform.airflow


def model(platform):
    return next(model for model in platform.status()["models"] if model["fleet"] == RIG.name)


def test_up_ended_with_a_champion_for_the_recorded_rig(platform, api):
    champion = model(platform)
    assert champion["version"] is not None
    assert champion["macro_f1"] >= 0.98
    assert (champion["in_use"], champion["refused"]) == (str(champion["version"]), None)


def test_the_rig_is_graded_as_its_experimenters_graded_it(platform, api):
    """The grades of the model trained here against the inspections that came after them."""
    version = model(platform)["in_use"]

    def compared():
        inspections = [json.loads(record.value()) for record in platform.kafka_records(RIG.inspections.name)]
        graded = [score for score in platform.scores(RIG) if score["model_version"] == version]
        pairs = []
        for score in graded:
            for found in inspections:
                inside = found["from"] <= score["timestamp"] < found["to"]
                if inside and found["sensor_id"] == score["sensor_id"]:
                    pairs.append((score["pred"], found["state"]))
        return pairs if len(pairs) >= 24 else None

    pairs = wait_for(compared, RECOVERY, "graded cycles whose inspection is known")
    known = [(said, found) for said, found in pairs if said != "unknown"]
    assert sum(said == found for said, found in known) / len(known) >= 0.9


def test_a_promotion_is_on_the_topic_within_two_batches_and_in_the_same_app(platform, api):
    in_front = (RunState.QUEUED, RunState.RUNNING)
    wait_for(lambda: not api.runs("soh_retrain", *in_front), WITHIN.total_seconds(), "trainings in front of ours")
    before, app = model(platform), platform.stream(STREAM)["yarn_app_id"]
    conf = json.dumps({"fleet": RIG.name, "overrule": "promote", "by": "the tests"})
    done = platform.soh("airflow", "dags", "trigger", "soh_retrain", "--run-id", "by_hand", "--conf", conf)
    assert done.returncode == 0, done.stderr
    run = api.wait("soh_retrain", "by_hand", WITHIN)
    assert run.state == "success", {t.task_id: t.state for t in api.task_instances("soh_retrain", "by_hand")}

    def swapped():
        said = model(platform)
        return said if said["version"] > before["version"] and said["in_use"] == str(said["version"]) else None

    said = wait_for(swapped, 60, "the new version to grade")
    assert platform.stream(STREAM)["yarn_app_id"] == app

    hdfs = Hdfs(platform.home.endpoints.webhdfs, platform.home.endpoints.hdfs_user)
    first = json.loads(hdfs.read_text(Endpoints.model_in_use(STREAM)))["from_batch"]
    promoted_at = datetime.fromisoformat(said["promoted_at"])
    planned = hdfs.listing(f"{Endpoints.checkpoint(STREAM)}/offsets")
    begun = [int(name) for name, file in planned.items() if name.isdigit() and file.modified > promoted_at]
    assert len([batch for batch in begun if batch < first]) <= 2


def test_the_version_on_the_topic_changes_once_and_never_back(platform, api):
    version = model(platform)["in_use"]
    wait_for(lambda: platform.scores(RIG)[-1]["model_version"] == version, RECOVERY, "a grade by the new version")
    by_source: dict[int, list[tuple[int, str]]] = {}
    for score in platform.scores(RIG):
        by_source.setdefault(score["source_partition"], []).append((score["source_offset"], score["model_version"]))
    for graded in by_source.values():
        versions = [version for _, version in sorted(graded)]
        changes = [(old, new) for old, new in pairwise(versions) if old != new]
        assert len(changes) == len(set(versions)) - 1
