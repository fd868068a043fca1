"""A fleet's day is closed when every stream that writes its table is past the day's end; who is not is named."""

from datetime import UTC, date, datetime, timedelta

import pytest

from soh.specs import FLEETS
from soh.specs.streams import HEAT_TO_LAKE
from soh.streams import closing
from soh.streams.checkpoint import Checkpoint
from soh.streams.day import deadline

HEAT = FLEETS["heat"]
DAY = date(2026, 3, 1)
CLOSES = deadline(DAY, HEAT.table.time_zone, HEAT.lateness)


class Broker:
    """One partition, whose records 0 to 9 were sent before the day's deadline and 10 to 14 after it."""

    def __init__(self):
        self.asked = []

    def ends(self, topic):
        self.asked.append(topic)
        return {0: 15}

    def beginnings(self, topic):
        self.asked.append(topic)
        return {0: 0}

    def at_time(self, topic, moment):
        assert moment == CLOSES
        self.asked.append(topic)
        return {0: 10}


@pytest.fixture
def committed(monkeypatch):
    """Sets the position of a stream's checkpoint, by its path."""
    positions = {}

    def read(_, path):
        return Checkpoint(committed=1, committed_at=CLOSES, positions={HEAT.readings.name: {0: positions[path]}})

    monkeypatch.setattr(closing.checkpoint, "read", read)
    return positions


def look(now=CLOSES + timedelta(minutes=1)):
    broker = Broker()
    state = closing.look_at_day(HEAT, DAY, None, broker, now)
    assert set(broker.asked) == {HEAT.readings.name}
    return state


def test_a_day_is_closed_once_its_writer_is_past_the_records_sent_until_the_deadline(committed):
    committed["/soh/checkpoints/heat_to_lake"] = 10
    assert look().closed


def test_the_stream_that_is_behind_is_named(committed):
    committed["/soh/checkpoints/heat_to_lake"] = 9
    state = look()
    assert not state.closed
    assert state.reason.startswith("heat_to_lake: ")


def test_the_present_day_is_open_however_far_the_writer_is(committed):
    committed["/soh/checkpoints/heat_to_lake"] = 15
    assert not look(now=datetime(2026, 3, 1, 3, tzinfo=UTC)).closed


def test_only_the_stream_into_the_table_of_readings_counts():
    assert closing.writers(HEAT) == [HEAT_TO_LAKE]
