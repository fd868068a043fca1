"""The end of a fleet's history: noted on real brokers, and found by a Spark app that is about to grade."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import Producer
from tests import quick_spark

from soh.kafka import admin
from soh.kafka.history import history, note
from soh.kafka.plan import plan
from soh.kafka.positions import Positions
from soh.local.environments import SPARK_PYTHON, java_home
from soh.settings import PROJECT, child_environment
from soh.specs import FLEETS, HistoryState

RIG = FLEETS["hydraulic"]
"""The fleet that no other test on these servers starts."""
TOPIC = RIG.readings.name


@pytest.fixture(scope="module")
def bootstrap(servers) -> str:
    kafka = servers.home.endpoints.kafka
    topics = [RIG.readings, RIG.inspections]
    admin.apply(kafka, plan(topics, admin.describe(kafka, [topic.name for topic in topics])))
    return kafka


def begins_at(bootstrap: str) -> str:
    """What a Spark app says of the fleet."""
    done = subprocess.run(
        [SPARK_PYTHON, Path(__file__).with_name("begin.py"), RIG.name, bootstrap],
        env=child_environment(
            PATH=os.pathsep.join((str(SPARK_PYTHON.parent), str(java_home() / "bin"), os.defpath)),
            JAVA_HOME=str(java_home()),
            PYSPARK_PYTHON=str(SPARK_PYTHON),
            PYSPARK_SUBMIT_ARGS=quick_spark.submit_arguments(),
            SPARK_LOCAL_IP="127.0.0.1",
            PYTHONPATH=os.pathsep.join((str(PROJECT / "include"), str(PROJECT / "spark_apps"))),
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return next(line.removeprefix("begins at ") for line in done.stdout.splitlines() if line.startswith("begins at"))


def test_a_fleet_without_a_history_is_graded_from_the_beginning(bootstrap):
    assert history(bootstrap, RIG, TOPIC) is None
    assert begins_at(bootstrap) == "earliest"


def test_a_history_is_being_sent_until_it_is_sent_and_grading_begins_after_it(bootstrap):
    note(bootstrap, RIG, HistoryState.SENDING)
    assert history(bootstrap, RIG, TOPIC).state is HistoryState.SENDING
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(30):
        producer.produce(TOPIC, b"%d" % number, partition=number % 3)
    producer.flush(20)
    note(bootstrap, RIG, HistoryState.SENT)
    producer.produce(TOPIC, b"the present", partition=0)
    producer.flush(20)
    found = history(bootstrap, RIG, TOPIC)
    ends = Positions(bootstrap).ends(TOPIC)
    assert found.state is HistoryState.SENT
    assert found.ends == {**ends, 0: ends[0] - 1}
    assert json.loads(begins_at(bootstrap)) == {TOPIC: {str(p): end for p, end in found.ends.items()}}
