from __future__ import annotations

import pytest

from soh.errors import BadDeclaration
from soh.specs.apps import BATCH_APPS, TRAINED_BY, SparkAppSpec, TrainingAppSpec, by_fleet
from soh.specs.fleets import FLEETS, HEAT, HYDRAULIC
from soh.specs.streams import STREAM_APPS

REFUSED = {
    "bad-name": ({"name": "compact-day"}, "app 'compact-day'"),
    "no-executor": ({"executors": 0}, "executors and executor_cores must be at least 1"),
    "no-core": ({"executor_cores": 0}, "executors and executor_cores must be at least 1"),
}


@pytest.mark.parametrize(("differing", "complaint"), REFUSED.values(), ids=REFUSED.keys())
def test_an_app_that_contradicts_itself_is_refused(differing, complaint):
    with pytest.raises(BadDeclaration, match=complaint):
        SparkAppSpec(**({"name": "compact_day", "description": "Pack."} | differing))


def test_script_and_tag_follow_from_the_name():
    app = BATCH_APPS["compact_day"]
    assert app.script == "compact_day.py"
    assert app.yarn_tag == "soh_app_compact_day"


def training(name, *fleets):
    return TrainingAppSpec(name=name, description="Train.", fleets=fleets)


def test_every_fleet_is_trained_by_the_app_that_has_it_packed_or_alone():
    fleets = (HEAT, HYDRAULIC)
    both, heat, hydraulic = training("both", *fleets), training("one", HEAT), training("other", HYDRAULIC)
    assert by_fleet([both], fleets) == {"heat": both, "hydraulic": both}
    assert by_fleet([hydraulic, heat], fleets) == {"heat": heat, "hydraulic": hydraulic}
    assert {app.script for app in (both, heat, hydraulic)} == {"train_soh.py"}
    assert set(TRAINED_BY) == set(FLEETS)
    assert {app.name for app in TRAINED_BY.values()} <= set(BATCH_APPS)


@pytest.mark.parametrize(
    ("apps", "complaint"),
    [
        pytest.param([training("one", HEAT)], "fleet hydraulic is trained by none", id="left-out"),
        pytest.param(
            [training("both", HEAT, HYDRAULIC), training("one", HEAT)],
            "fleet heat is trained by both and one",
            id="twice",
        ),
    ],
)
def test_a_fleet_that_is_not_in_exactly_one_training_app_is_refused(apps, complaint):
    with pytest.raises(BadDeclaration, match=complaint):
        by_fleet(apps, (HEAT, HYDRAULIC))


def test_a_training_app_without_a_fleet_is_refused():
    with pytest.raises(BadDeclaration, match="training app idle trains no fleet"):
        training("idle")


def test_no_batch_app_has_the_tag_of_a_stream_app():
    assert {app.yarn_tag for app in BATCH_APPS.values()}.isdisjoint(app.yarn_tag for app in STREAM_APPS.values())
