from types import SimpleNamespace

import pytest

from soh_spark.session import pace


@pytest.mark.parametrize(("settings", "expected"), [({}, 1), ({"spark.soh.pace": "5"}, 5)])
def test_streams_go_at_the_pace_of_the_cluster_which_is_the_declared_one_if_nothing_is_said(settings, expected):
    assert pace(SimpleNamespace(conf=settings)) == expected
