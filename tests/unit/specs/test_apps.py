from __future__ import annotations

import pytest

from soh.errors import BadDeclaration
from soh.specs.apps import BATCH_APPS, SparkAppSpec
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


def test_no_batch_app_has_the_tag_of_a_stream_app():
    assert {app.yarn_tag for app in BATCH_APPS.values()}.isdisjoint(app.yarn_tag for app in STREAM_APPS.values())
