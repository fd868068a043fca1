"""The stores of the grades, each away for minutes and back again."""

from __future__ import annotations

import time

import pytest
from tests.end_to_end.faults import unread
from tests.end_to_end.scratch import FACILITIES, RECOVERY, wait_for

from soh.specs.groups import SCORES_TO_S3, SCORES_TO_TSDB


@pytest.mark.parametrize(
    ("server", "service", "group"),
    [("influxdb", "scores-to-tsdb", SCORES_TO_TSDB), ("s3proxy", "scores-to-s3", SCORES_TO_S3)],
    ids=["InfluxDB", "S3"],
)
def test_a_store_that_is_away_for_five_minutes_costs_no_grade(platform, server, service, group):
    """What was lost would show when everything is counted; here it is seen that the grades wait and are written."""
    topics = [topic.name for topic in group.reads]
    platform.stop_services(server)
    try:
        time.sleep(300)
        waiting = unread(platform, group, topics)
        assert waiting > 60 * FACILITIES
        assert platform.status()["services"][service] == "running"
    finally:
        platform.start_services(server)
    wait_for(lambda: unread(platform, group, topics) < waiting / 10, RECOVERY, "the grades that waited to be written")
