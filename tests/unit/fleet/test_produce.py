import asyncio
import json
import os
import signal
from datetime import timedelta

import numpy as np
import pytest

from soh.errors import ServerUnreachable
from soh.fleet import produce
from soh.fleet.hydraulic import HydraulicReplay
from soh.fleet.produce import Runner
from soh.fleet.recording import load
from soh.fleet.wire import Message, decode
from soh.specs.fleets import HistoryState
from soh.specs.schemas import HYDRAULIC_READING
from soh.specs.topics import TOPICS

FACILITIES = (1000, 1001)
PERIOD = 0.01
PAST = timedelta(seconds=2)
IN_THE_PAST = 400
"""Readings of both facilities."""


class Kafka:
    """What the brokers hold, and how often they fail before they work."""

    def __init__(self) -> None:
        self.records: list[Message] = []
        self.written_before_sent = True
        self.unreachable = self.missing = self.refusals = self.full = 0
        self.stop_after = 40
        self.history: list[tuple[HistoryState, int]] = []
        """What was noted of it, and how many readings Kafka had then."""
        self.noted_at = 0.0
        """When that was last, epoch seconds."""

    def accept(self, message: Message, outbox_file: bytes) -> None:
        self.records.append(message)
        self.written_before_sent &= message.value in outbox_file
        if len(self.records) >= self.stop_after:
            os.kill(os.getpid(), signal.SIGTERM)

    def seqs(self, facility: int, topic: str = "hydraulic") -> list[int]:
        return [one.seq for one in self.records if (one.topic, one.facility) == (topic, facility)]


@pytest.fixture
def kafka(monkeypatch, tmp_path) -> Kafka:
    kafka = Kafka()

    class FakeBroker:
        def __init__(self, bootstrap, client): ...

        def close(self): ...

        def partitions(self):
            if kafka.unreachable:
                kafka.unreachable -= 1
                raise ServerUnreachable("Kafka does not answer")
            if kafka.missing:
                kafka.missing -= 1
                return {}
            return dict.fromkeys(TOPICS, 3)

        def last_records(self, topic, facilities):
            newest = sorted((one for one in kafka.records if one.topic == topic.name), key=lambda one: one.seq)
            return {one.facility: decode(topic.schema, one.key, one.value) for one in newest}

    class FakeSender:
        def __init__(self, settings, outbox, ledger, trouble):
            self.outbox, self.ledger = outbox, ledger

        def send(self, message):
            if kafka.full:
                kafka.full -= 1
                return False
            if kafka.refusals and message.seq >= 3:
                return True
            kafka.accept(message, (tmp_path / "hydraulic.outbox").read_bytes())
            self.ledger.acknowledge(message)
            self.outbox.acknowledge(message)
            return True

        def poll(self):
            if kafka.refusals and any(one.seq >= 3 for one in self.outbox.unacknowledged.values()):
                kafka.refusals -= 1
                raise ServerUnreachable("Kafka refused records")

        async def finish(self, within): ...

    def note(bootstrap, fleet, state):
        assert fleet.name == "hydraulic"
        kafka.history.append((state, sum(one.topic == "hydraulic" for one in kafka.records)))
        kafka.noted_at = produce.time.time()

    monkeypatch.setattr(produce.history, "note", note)
    monkeypatch.setattr(produce, "Broker", FakeBroker)
    monkeypatch.setattr(produce, "Sender", FakeSender)
    monkeypatch.setattr(produce, "RETRY_AFTER", timedelta(milliseconds=10))
    monkeypatch.setattr(produce, "SETTLE", timedelta(milliseconds=10))
    return kafka


@pytest.fixture
def run(rig, tmp_path):
    def run(facilities: tuple[int, ...] = FACILITIES, past: timedelta = timedelta(0)) -> dict:
        async def serve() -> None:
            source = HydraulicReplay(facilities, load(rig), period=PERIOD)
            await Runner(source, bootstrap="127.0.0.1:1", state_dir=tmp_path, period=PERIOD, past=past).run()

        asyncio.run(asyncio.wait_for(serve(), 20))
        return json.loads((tmp_path / "hydraulic.json").read_text())

    return run


def assert_whole(kafka: Kafka) -> None:
    """Every facility's seqs are there from 0 on, each once and in order."""
    for facility in FACILITIES:
        for topic in ("hydraulic", "hydraulic_inspections"):
            seqs = kafka.seqs(facility, topic)
            assert seqs == list(range(len(seqs)))
        assert kafka.seqs(facility)


def test_a_fleet_numbers_its_records_writes_them_down_first_and_stops_on_sigterm(kafka, run):
    ledger = run()
    assert_whole(kafka)
    assert kafka.written_before_sent
    assert kafka.seqs(1000, "hydraulic_inspections")
    assert ledger["readings"]["1000"] == {"first": 0, "last": kafka.seqs(1000)[-1], "count": len(kafka.seqs(1000))}


def test_the_event_time_is_the_schedule_s_and_its_steps_are_the_period(kafka, run):
    run()
    times = [
        decode(HYDRAULIC_READING, one.key, one.value)["event_time"]
        for one in kafka.records
        if one.topic == "hydraulic" and one.facility == 1000
    ]
    steps = np.diff(times)
    assert steps == pytest.approx(PERIOD * np.rint(steps / PERIOD), abs=0.0021)
    assert steps.min() > 0.8 * PERIOD - 0.001


class Killed(BaseException):
    """Ends the fleet wherever it is."""


def event_times(kafka: Kafka, facility: int) -> np.ndarray:
    records = [one for one in kafka.records if one.topic == "hydraulic" and one.facility == facility]
    return np.array([decode(HYDRAULIC_READING, one.key, one.value)["event_time"] for one in records])


def assert_no_gap(kafka: Kafka) -> None:
    """Every facility was read once a period over all of the past, and the present follows."""
    length = PAST.total_seconds()
    for facility in FACILITIES:
        times = event_times(kafka, facility)
        past = times[times < times[0] + length]
        assert np.diff(past) == pytest.approx(PERIOD, abs=0.0021)
        assert len(past) == pytest.approx(IN_THE_PAST / 2, abs=1)
        assert times[-1] - times[0] > length


def test_the_very_first_start_sends_the_past_and_goes_on_with_the_present_without_a_gap(kafka, run):
    kafka.stop_after = IN_THE_PAST + 100
    began = produce.time.time()
    run(past=PAST)
    assert_whole(kafka)
    assert_no_gap(kafka)
    assert event_times(kafka, 1000)[0] == pytest.approx(began - PAST.total_seconds(), abs=1)


@pytest.mark.parametrize("killed_after", [1, 151, 401])
@pytest.mark.parametrize("state_is_kept", [True, False])
def test_killed_on_the_way_the_past_goes_on_where_it_was_if_its_folder_is_kept(
    kafka, run, monkeypatch, tmp_path, killed_after, state_is_kept
):
    accept = Kafka.accept

    def accept_and_die(self, message, outbox_file):
        if len(self.records) == killed_after:
            raise Killed
        accept(self, message, outbox_file)

    kafka.stop_after = killed_after + 1
    with monkeypatch.context() as patch:
        patch.setattr(Kafka, "accept", accept_and_die)
        with pytest.raises(Killed):
            run(past=PAST)
    if not state_is_kept:
        (tmp_path / "hydraulic.outbox").unlink()
    kafka.stop_after = IN_THE_PAST + 100 if state_is_kept else killed_after + 20
    run(past=PAST)
    assert_whole(kafka)
    if state_is_kept:
        assert_no_gap(kafka)
    elif killed_after < 300:
        assert len(event_times(kafka, 1000)) < 200


def test_inspections_of_the_past_are_published_as_they_become_known(kafka, run):
    kafka.stop_after = IN_THE_PAST + 100
    run(past=PAST)
    found = [
        decode(TOPICS[one.topic].schema, one.key, one.value)
        for one in kafka.records
        if one.topic == "hydraulic_inspections"
    ]
    assert len(found) > 30
    assert max(one["event_time"] - one["to_time"] for one in found) < 0.2


def test_where_the_past_ends_is_noted_before_the_first_reading_of_the_present(kafka, run):
    kafka.stop_after = IN_THE_PAST + 100
    ledger = run(past=PAST)
    (first, before), (last, after) = kafka.history
    assert (first, before, last) == (HistoryState.SENDING, 0, HistoryState.SENT)
    readings = [one for one in kafka.records if one.topic == "hydraulic"]
    times = [decode(HYDRAULIC_READING, one.key, one.value)["event_time"] for one in readings]
    assert IN_THE_PAST - 4 <= after < len(times)
    assert max(times[:after]) <= kafka.noted_at
    assert min(times[after:]) > kafka.noted_at - PERIOD - 0.002
    assert ledger["history"] is None


def test_a_fleet_without_a_past_notes_none(kafka, run):
    run()
    assert kafka.history == []


def test_a_past_that_was_cut_off_is_noted_as_sent_by_the_successor_only(kafka, run, monkeypatch):
    def die(self, message, outbox_file):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Kafka, "accept", die)
        with pytest.raises(Killed):
            run(past=PAST)
    assert [state for state, _ in kafka.history] == [HistoryState.SENDING]
    kafka.stop_after = IN_THE_PAST + 100
    run(past=PAST)
    assert [state for state, _ in kafka.history] == [HistoryState.SENDING, HistoryState.SENDING, HistoryState.SENT]


def test_a_later_start_makes_up_no_past(kafka, run, monkeypatch):
    run()
    real = produce.time.time
    monkeypatch.setattr(produce.time, "time", lambda: real() + 600)
    kafka.stop_after = 80
    run(past=timedelta(hours=1))
    assert_whole(kafka)
    assert (np.diff(event_times(kafka, 1000)) > 500).sum() == 1


def test_a_restart_goes_on_with_seq_and_with_the_recording(kafka, run):
    run()
    kafka.stop_after = 80
    run()
    assert_whole(kafka)
    cycles = [
        decode(HYDRAULIC_READING, one.key, one.value)["cycle"] for one in kafka.records if one.topic == "hydraulic"
    ]
    assert len(set(cycles)) > 1


def test_a_fleet_that_grows_goes_on_with_the_old_and_begins_with_the_new(kafka, run):
    run((1000,))
    kafka.stop_after = 80
    run()
    assert_whole(kafka)


def test_without_its_state_folder_a_fleet_goes_on_by_what_kafka_has(kafka, run, tmp_path):
    run()
    (tmp_path / "hydraulic.outbox").unlink()
    kafka.stop_after = 80
    run()
    assert_whole(kafka)


def test_records_that_kafka_refused_are_sent_again_in_order_and_with_the_same_content(kafka, run):
    kafka.refusals = 2
    run()
    assert_whole(kafka)


def test_brokers_and_topics_that_are_not_there_yet_are_waited_for_and_told(kafka, run, caplog):
    kafka.unreachable, kafka.missing = 2, 2
    run()
    assert_whole(kafka)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [
        "Kafka does not answer; waiting",
        "Kafka at 127.0.0.1:1 has no topic ['hydraulic', 'hydraulic_inspections']; waiting for it",
    ]


def test_a_full_queue_delays_and_drops_nothing(kafka, run):
    kafka.full = 5
    run()
    assert_whole(kafka)


def test_after_a_pause_no_readings_are_made_up(kafka, run, monkeypatch):
    slept = False
    real = produce.time.time

    def jump() -> float:
        return real() + (600 if slept else 0)

    monkeypatch.setattr(produce.time, "time", jump)
    accept = Kafka.accept

    def accept_and_sleep(self, message, outbox_file):
        nonlocal slept
        slept = slept or len(self.records) > 10
        accept(self, message, outbox_file)

    monkeypatch.setattr(Kafka, "accept", accept_and_sleep)
    run()
    times = [
        decode(HYDRAULIC_READING, one.key, one.value)["event_time"]
        for one in kafka.records
        if one.topic == "hydraulic" and one.facility == 1000
    ]
    assert (np.diff(times) > 500).sum() == 1
    assert times[-1] - times[0] < 700
    assert_whole(kafka)
