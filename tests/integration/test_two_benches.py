"""The benches of latency and of the fleet on real servers: what they send arrives, what they look for is found."""

import os
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta

import pytest
from bench import fleet
from bench.parts.keeping_up import reasons
from bench.parts.watching import Tap, tsdb_side
from tests.fakes.grades import encoded, grade

from soh.kafka import admin
from soh.kafka.plan import plan
from soh.local import prepare
from soh.local.configs import TSDB_WRITER
from soh.serving.points import ScoreReader
from soh.serving.records import Origin
from soh.serving.writing import TsdbWriter
from soh.settings import PROJECT, child_environment
from soh.specs import TOPICS
from soh.specs.fleets import HEAT


@pytest.fixture(scope="module")
def home(servers):
    prepare.tsdb(servers.home)
    kafka = servers.home.endpoints.kafka
    admin.apply(kafka, plan(TOPICS.values(), admin.describe(kafka, list(TOPICS))))
    return servers.home


def test_added_sensors_send_once_a_period_and_only_the_chosen_are_seen(home):
    first, count, chosen = 5_000_000, 200, (5_000_000, 5_000_150)
    path = os.pathsep.join((str(PROJECT / "include"), str(PROJECT)))
    with closing(Tap(home.endpoints.kafka, HEAT)) as every, closing(Tap(home.endpoints.kafka, HEAT, chosen)) as some:
        # Both must have found the end of the topic before anything is sent.
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            every.drain()
            some.drain()
        command = [sys.executable, "-m", "bench.parts.sensors", "--kafka", home.endpoints.kafka]
        command += ["--first", str(first), "--count", str(count)]
        running = subprocess.Popen(command, env=child_environment(PYTHONPATH=path))
        try:
            seen, seen_some = [], []
            deadline = time.monotonic() + 60
            # Two whole periods, and the first readings of a third.
            while time.monotonic() < deadline and len(seen) <= 2 * count:
                seen += every.drain()
                seen_some += some.drain()
                time.sleep(0.05)
        finally:
            running.terminate()
            assert running.wait(30) == 0
    begin = min(one.event_time for one in seen)
    in_two_periods = [one for one in seen if one.event_time < begin + 2 * HEAT.period.total_seconds() - 1e-3]
    assert len(in_two_periods) == 2 * count
    assert len(seen_some) == pytest.approx(len(seen) * 2 / count, abs=2)


def test_readings_that_nobody_reads_are_a_step_that_was_not_held(home, monkeypatch):
    """No stream runs here, so every lag on the readings grows by all that is sent, and nothing comes."""
    # There is nothing to settle, and nothing that could come later.
    monkeypatch.setattr(fleet, "SETTLE", timedelta(seconds=3))
    monkeypatch.setattr(fleet, "GRACE", timedelta(seconds=1))
    monkeypatch.setattr(fleet, "SAMPLE_EVERY", 1.0)
    with fleet._sensors(home) as sensors:
        sensors.grow(50)
        step, wrong = fleet._step(home, sensors.ids, 2 * HEAT.period, 10.0)
    assert wrong == []
    assert step.input_per_s == pytest.approx(10, rel=0.2)
    assert step.looked_for > 0
    assert step.missing == step.looked_for
    assert step.slopes["heat_to_lake"].per_s == pytest.approx(10, rel=0.3)
    assert step.slopes["scores_to_tsdb on heat_pf"].per_s == 0
    assert any(why.startswith("the lag of heat_to_lake grows by") for why in reasons(step))
    assert [process.args for process in sensors.processes if process.returncode != 0] == []


def test_a_side_finds_the_points_of_the_chosen_facilities_alone(home):
    now = time.time()
    writer = TsdbWriter(
        home.endpoints.tsdb,
        database=home.endpoints.tsdb_database,
        user=TSDB_WRITER,
        password=home.secrets["tsdb_writer"],
    )
    reader = ScoreReader(HEAT)
    points = [
        reader.read(encoded(grade(HEAT, facility, 0, now)), Origin(HEAT.scores.name, 0, 0), int(now * 1000))
        for facility in (7_000_001, 7_000_002, 7_000_003)
    ]
    try:
        writer.write(points)
    finally:
        writer.close()
    side = tsdb_side(home, "side", home.endpoints.tsdb_database, [7_000_001, 7_000_003])
    assert len(side.points(now - 60)) == 2
