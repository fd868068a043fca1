"""How many readings a second: the platform's streams beside bare Spark, a plain Python consumer and quix-streams.

All sides read the same records of one topic on three brokers of this bench's own, one side after the other, round
after round, so that whatever else the machine does falls on all of them alike. Each side is one process that stays
warm. A side's seconds begin with its first batch, or for a consumer with the first record in its hands, and end when
its last record is committed or acknowledged; what it takes before that is told beside it. What a round left in its
sink is summed up and compared, and a side with a wrong round has no figure.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

import typer

from bench.parts.outcome import Outcome, failing_as, show
from bench.parts.records import fill, scored
from bench.parts.rounds import Content, Round, figures, round_faults
from bench.parts.servers import own_servers
from bench.parts.worker import Start, Worker
from soh.errors import SetupFailed
from soh.kafka import admin
from soh.kafka.plan import plan
from soh.kafka.positions import Positions
from soh.local.environments import AIRFLOW_PYTHON, JARS, SPARK_PYTHON, ensure_extra, java_home
from soh.local.home import Home
from soh.settings import PROJECT
from soh.specs import STREAM_APPS, TopicSpec
from soh.specs.fleets import HEAT
from soh.submit import executor_java, properties, spark_settings

QUIX = "quixstreams==3.28.1"
"""In an environment of its own: it is measured, and no part of the platform."""
PLAIN_SCORES = replace(HEAT.scores, name="heat_pf_python")
QUIX_SCORES = replace(HEAT.scores, name="heat_pf_quix")

READY_WITHIN = timedelta(minutes=5)
TURN_WITHIN = timedelta(minutes=10)
WARM_UP = 5
"""Rounds that are not counted: a stream runs for months, and Java has not compiled all of its code before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One way to work on the records."""

    name: str
    start: Start
    scores: TopicSpec | None = None
    """Where it sends its grades; None for a side that is asked itself what it wrote."""
    prepared: bool = False
    """Whether something must be made ready before each turn."""
    compared: frozenset[str] | None = None
    """Which sums of its grades follow from the records alone; None for all."""


BY_MODEL = frozenset({"records", "offsets", "power_factors", "graded_by_model", "pred_idle", "pred_unknown"})
"""How many are normal is the model's matter."""


def main(
    records: Annotated[int, typer.Option(min=100, help="Readings that every side works on.")] = 90_000,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each side that are counted.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Measure how many readings a second the platform's streams do, beside others on the same records."""
    # Without this a SIGTERM would leave the servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with failing_as("throughput"), own_servers() as home:
        outcome = measure(home, records, rounds)
    raise typer.Exit(show(outcome, as_json=as_json))


def measure(home: Home, records: int, rounds: int) -> Outcome:
    """All sides on the servers in `home`."""
    notes = [
        f"{records:,} readings, {rounds} rounds and {WARM_UP} before them that are not counted; figures are medians",
        "scoring is graded by a LightGBM model of the declared size, trained for this; python and quix by the rule",
        "processor time is that of each side's own processes; brokers, HDFS and the database are left out",
    ]
    topics = [HEAT.readings, HEAT.scores, PLAIN_SCORES, QUIX_SCORES]
    admin.apply(home.endpoints.kafka, plan(topics, admin.describe(home.endpoints.kafka, [t.name for t in topics])))
    _say(f"sending {records:,} readings")
    content = fill(home.endpoints.kafka, records)
    sides = [_spark(home, "noop"), replace(_spark(home, "to_lake"), prepared=True)]
    sides += [replace(_spark(home, "scoring"), scores=HEAT.scores, compared=BY_MODEL), _plain(home, records)]
    try:
        sides.append(_quix(home, records))
    except SetupFailed as error:
        notes.append(f"quix is left out: {error}")
    done: dict[str, list[Round]] = {side.name: [] for side in sides}
    faults: list[str] = []
    with _workers(sides) as workers:
        for number in range(1 - WARM_UP, rounds + 1):
            for side in sides:
                turn = _turn(home, side, workers[side.name], number)
                _say(f"round {number}: {side.name} {records / turn.seconds:,.0f}/s, {turn.cpu_seconds:.1f} s of CPU")
                wrong = round_faults(side.name, number, turn.found, _expected(side, content))
                for fault in wrong:
                    _say(f"wrong: {fault}")
                faults += wrong
                if number > 0:
                    done[side.name].append(turn)
    right = {name: turns for name, turns in done.items() if not any(fault.startswith(f"{name},") for fault in faults)}
    return Outcome(
        name="throughput",
        figures={**figures(right, records), "records": records, "rounds": rounds},
        faults=faults,
        notes=notes,
    )


def _turn(home: Home, side: Side, worker: Worker, number: int) -> Round:
    positions = Positions(home.endpoints.kafka)
    if side.prepared:
        worker.ask("prepare", number, TURN_WITHIN)
    begins = positions.ends(side.scores.name) if side.scores else {}
    before = worker.cpu_seconds()
    answer = worker.ask("run", number, TURN_WITHIN)
    spent = worker.cpu_seconds() - before
    found: Content
    if side.scores:
        found = scored(home.endpoints.kafka, side.scores.name, begins, positions.ends(side.scores.name))
        found = {name: value for name, value in found.items() if side.compared is None or name in side.compared}
    else:
        found = worker.ask("check", number, TURN_WITHIN)
    return Round(seconds=answer["seconds"], start_seconds=answer["start_seconds"], cpu_seconds=spent, found=found)


def _expected(side: Side, content: Content) -> Content:
    return {**content, "graded_by_model": content["records"]} if side.compared else content


@contextmanager
def _workers(sides: Sequence[Side]) -> Iterator[Mapping[str, Worker]]:
    """The sides' processes, started one after the other; all of them ended."""
    workers: dict[str, Worker] = {}
    try:
        for side in sides:
            _say(f"starting {side.name}")
            workers[side.name] = Worker(side.name, side.start)
            workers[side.name].wait_until_ready(READY_WITHIN)
        yield workers
    finally:
        for worker in workers.values():
            worker.stop()


def _spark(home: Home, name: str) -> Side:
    path = os.pathsep.join(str(PROJECT / part) for part in ("include", "spark_apps", "."))
    machine = {
        "spark.master": "local[2]",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g",
        # In local mode the driver does what executors do.
        "spark.driver.extraJavaOptions": executor_java(STREAM_APPS["lake"]),
        "spark.executorEnv.PYTHONPATH": path,
        "spark.jars": ",".join(str(jar) for jar in sorted((JARS / "spark").glob("*.jar"))),
        "spark.ui.enabled": "false",
    }
    settings = spark_settings(STREAM_APPS["lake"], home.endpoints, f"bench_{name}", machine, home.app_secrets)
    # The catalog's password is among them, so they are no arguments.
    file = home.write_private(f"bench-{name}.properties", properties(settings))
    command = [str(SPARK_PYTHON), str(PROJECT / "bench" / "spark" / "throughput_side.py"), name]
    environment = {
        "HADOOP_CONF_DIR": str(home.hadoop_conf),
        "HADOOP_USER_NAME": home.server_user,
        "JAVA_HOME": str(java_home()),
        "PATH": os.pathsep.join((str(SPARK_PYTHON.parent), str(java_home() / "bin"), os.defpath)),
        "PYSPARK_PYTHON": str(SPARK_PYTHON),
        "PYSPARK_SUBMIT_ARGS": f"--properties-file {file} pyspark-shell",
        "PYTHONPATH": path,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    checkpoints = f"{home.endpoints.hdfs}/soh/bench/{name}"
    command += ["--kafka", home.endpoints.kafka, "--checkpoints", checkpoints]
    return Side(name=name, start=_start(home, name, command, environment))


def _plain(home: Home, records: int) -> Side:
    command = [str(AIRFLOW_PYTHON), "-m", "bench.parts.plain_side", *_consumer(home, PLAIN_SCORES, records)]
    return Side(name="python", start=_start(home, "python", command, _without_spark()), scores=PLAIN_SCORES)


def _quix(home: Home, records: int) -> Side:
    """Raises SetupFailed where the package is not to be had."""
    python = ensure_extra("bench/quix", [QUIX])
    command = [str(python), "-m", "bench.parts.quix_side", *_consumer(home, QUIX_SCORES, records)]
    return Side(name="quix", start=_start(home, "quix", command, _without_spark()), scores=QUIX_SCORES)


def _consumer(home: Home, scores: TopicSpec, records: int) -> list[str]:
    return ["--kafka", home.endpoints.kafka, "--topic", scores.name, "--records", str(records)]


def _without_spark() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join((str(PROJECT / "include"), str(PROJECT)))}


def _start(home: Home, name: str, command: Sequence[str], environment: dict[str, str]) -> Start:
    return Start(command=command, environment=environment, home=home.path, log=home.logs / f"bench-{name}.log")


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(main)
