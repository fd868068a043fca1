"""Questions that the database would answer wrongly, or for ever, are not asked; a failure names the question."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from soh.errors import BadInput, ServerUnreachable
from soh.serving.tsdb import Tsdb
from soh.specs.fleets import HEAT

MINUTE = timedelta(minutes=1)


@pytest.fixture
def nowhere():
    return Tsdb("http://127.0.0.1:1", "soh", "reader", "hush")


def ago(**length):
    return datetime.now(tz=UTC) - timedelta(**length)


@pytest.mark.parametrize(
    ("since", "every", "complaint"),
    [
        pytest.param(ago(hours=1), timedelta(0), "at least 1 s", id="endless-intervals"),
        pytest.param(ago(hours=1), timedelta(seconds=-5), "at least 1 s", id="backwards"),
        pytest.param(ago(days=30), MINUTE, "within the last", id="beyond-retention"),
        pytest.param(datetime(2026, 1, 1), MINUTE, "time zone", id="no-time-zone"),  # noqa: DTZ001
    ],
)
def test_a_series_has_bounds(nowhere, since, every, complaint):
    with pytest.raises(BadInput, match=complaint):
        nowhere.history(HEAT, 100, since, every)
    with pytest.raises(BadInput, match=complaint):
        nowhere.state_counts(HEAT, since, every)


@pytest.mark.parametrize("sensor", ["1' OR 1=1", "100) OR (1", ""])
def test_a_sensor_is_a_number(nowhere, sensor):
    with pytest.raises(ValueError, match="invalid literal"):
        nowhere.history(HEAT, sensor, ago(hours=1), MINUTE)


def test_a_failure_names_server_and_question_and_no_password(nowhere):
    with pytest.raises(ServerUnreachable) as failure:
        nowhere.latest(HEAT)
    told = str(failure.value)
    assert "http://127.0.0.1:1 did not answer 'SELECT pred" in told
    assert "{'fleet': 'heat'}" in told
    assert "Connection refused" in told
    assert "hush" not in told
    with pytest.raises(ServerUnreachable, match="did not answer a ping"):
        nowhere.ping()
