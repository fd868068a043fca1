"""How many sensors the platform keeps up with, one reading each per 5 s, with everything on that it does with them.

The fleet of the running copy grows step by step by processes that send what the virtual fleet would send. Every step
is given some time to settle. It was held when no stream and no consumer group falls behind by more than 1 % of the
readings that are sent, and 99 of 100 readings can be read in InfluxDB within 5 s. The first step that was not held
is the last one.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from bench.parts.keeping_up import Step, lags_of, most_held, reasons, slope_of, spread_over
from bench.parts.outcome import Outcome, failing_as, show
from bench.parts.platform import running_platform
from bench.parts.readings import faults, latencies
from bench.parts.watching import Tap, tsdb_side, watch
from soh.errors import BadInput, SohError
from soh.hdfs import Hdfs
from soh.kafka.positions import Positions
from soh.local.environments import AIRFLOW_PYTHON
from soh.local.home import Home
from soh.local.options import FleetOptions
from soh.local.processes import MARK
from soh.settings import PROJECT, child_environment
from soh.specs import CONSUMER_GROUPS, STREAMS
from soh.specs.fleets import HEAT
from soh.streams.look import sample, sample_group
from soh.streams.verdict import Sample

STEPS = "74,1000,2500,5000,7500,10000,20000"
MOST_SENSORS = 100_000
LOOKED_FOR = 50
"""Sensors whose readings are looked for in the database: all of them would be the largest load there is."""
LOOK_EVERY = 0.5
"""Seconds between two looks into the database, which load it too; latencies are told too long by up to that."""
SAMPLE_EVERY = 5.0
"""Seconds between two looks at all readers of Kafka and at all checkpoints, which load brokers and HDFS too."""
SETTLE = timedelta(minutes=1)
"""Before each step, so that nothing of the one before is left to be worked off."""
GRACE = timedelta(seconds=20)
"""After a step, for what is still under way."""
END_WITHIN = 20.0


def main(
    minutes: Annotated[
        float,
        typer.Option(min=0.1, help="Length of each step; at least thrice as long as any reader's commits lie apart."),
    ] = 4.0,
    steps: Annotated[str, typer.Option(help="Numbers of sensors, in ascending order.")] = STEPS,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Measure how many sensors the platform keeps up with."""
    # Without this a SIGTERM would leave the sensors behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with failing_as("fleet"):
        # Before a copy is started for it.
        wanted = parse(steps)
        with running_platform() as home:
            outcome = measure(home, wanted, timedelta(minutes=minutes))
    raise typer.Exit(show(outcome, as_json=as_json))


def parse(steps: str) -> list[int]:
    """Numbers of sensors from a list with commas; BadInput for anything else."""
    words = [word.strip() for word in steps.split(",")]
    if not all(word.isdecimal() and 0 < int(word) <= MOST_SENSORS for word in words):
        raise BadInput(f"--steps is {steps!r}; it must be numbers from 1 to {MOST_SENSORS}, such as {STEPS}")
    numbers = [int(word) for word in words]
    if sorted(set(numbers)) != numbers:
        raise BadInput(f"--steps is {steps!r}; each number must be larger than the one before")
    return numbers


def measure(home: Home, wanted: Sequence[int], length: timedelta) -> Outcome:
    """All steps on the copy in `home`, up to the first that is not held."""
    options = FleetOptions.remembered(home)
    # Smaller fleets than the one that runs cannot be measured.
    wanted = [count for count in wanted if count > options.heat_facilities]
    own = range(HEAT.first_facility, HEAT.first_facility + options.heat_facilities)
    done: list[Step] = []
    wrong: list[str] = []
    with _sensors(home) as sensors:
        for count in [options.heat_facilities, *wanted]:
            sensors.grow(count - len(own))
            wanted_per_s = len(own) / options.heat_period_seconds + len(sensors.ids) / HEAT.period.total_seconds()
            step, found = _step(home, [*own, *sensors.ids], length, wanted_per_s)
            done.append(step)
            wrong += found
            _say(f"{count} sensors: {_told(step)}")
            if found or reasons(step):
                break
    return outcome(done, wrong, options.heat_period_seconds)


def outcome(done: Sequence[Step], wrong: Sequence[str], period: float) -> Outcome:
    """The figures of all steps; those of a step with a wrong reading are not among them."""
    figures: dict[str, float] = {} if wrong else {"max_sensors": most_held(done)}
    for step in done[: len(done) - bool(wrong)]:
        figures |= {
            f"input_per_s_at_{step.sensors}": step.input_per_s,
            f"growth_percent_at_{step.sensors}": 100 * step.growth,
        }
        if math.isfinite(step.p99_ms):
            figures |= {f"p50_ms_at_{step.sensors}": step.p50_ms, f"p99_ms_at_{step.sensors}": step.p99_ms}
    notes = [f"{step.sensors} sensors: {_told(step)}" for step in done]
    notes.append(f"the sensors that the copy has of its own send every {period:g} s, the others every 5 s")
    notes.append("facilities that were added stay in the lake, and for 24 hours in the database and on the page")
    return Outcome(name="fleet", figures=figures, faults=list(wrong), notes=notes)


def _told(step: Step) -> str:
    why = reasons(step)
    figures = (
        f"{step.input_per_s:,.1f} readings/s, p50 {step.p50_ms / 1000:.1f} s, p99 {step.p99_ms / 1000:.1f} s, "
        f"largest growth of a lag {100 * step.growth:.2f} % of them"
    )
    return f"{'not held' if why else 'held'}; {figures}{''.join(f'; {sentence}' for sentence in why)}"


def _step(home: Home, facilities: Sequence[int], length: timedelta, wanted_per_s: float) -> tuple[Step, list[str]]:
    """What was seen in one step, and what was wrong with the readings that were found."""
    settle = min(length, SETTLE)
    _say(f"{len(facilities)} sensors settle for {settle}")
    time.sleep(settle.total_seconds())
    chosen = spread_over(facilities, LOOKED_FOR)
    side = tsdb_side(home, "fleet", home.endpoints.tsdb_database, chosen)
    readers = _Readers(home)
    with closing(Tap(home.endpoints.kafka, HEAT, chosen, LOOK_EVERY)) as tap:
        _say(f"{len(facilities)} sensors, {length}")
        readers.start()
        before, began = readers.sent(), time.monotonic()
        sent = watch(tap, [side], length, GRACE, at_end=readers.stop, every=LOOK_EVERY)
        rate = (readers.sent() - before) / (time.monotonic() - began)
    readers.join()
    times = [reading.event_time for reading in sent]
    points = side.points(min(times), max(times) + 1e-3) if sent else []
    there = {point.origin for point in points}
    come = [reading for reading in sent if reading.origin in there]
    spent = latencies(sent, side.grades_seen)
    step = Step(
        sensors=len(facilities),
        input_per_s=rate,
        wanted_per_s=wanted_per_s,
        p50_ms=spent.get("p50_ms", math.inf),
        p99_ms=spent.get("p99_ms", math.inf),
        looked_for=len(sent),
        missing=len(sent) - len(come),
        slopes={name: slope_of(lags_of(samples)) for name, samples in readers.samples.items()},
    )
    return step, faults(f"{len(facilities)} sensors", come, points) if come else []


class _Readers(threading.Thread):
    """Looks at every stream and consumer group again and again, from its start to `stop`."""

    def __init__(self, home: Home) -> None:
        super().__init__(daemon=True)
        self._hdfs = Hdfs(home.endpoints.webhdfs, home.endpoints.hdfs_user)
        self._positions = Positions(home.endpoints.kafka)
        self._ended = threading.Event()
        self.samples: dict[str, list[Sample]] = {}

    def run(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            for stream in STREAMS.values():
                self._add(stream.name, lambda now, of=stream: sample(of, self._hdfs, self._positions, now))
            for group in CONSUMER_GROUPS.values():
                for topic in group.reads:
                    self._add(
                        f"{group.name} on {topic.name}",
                        lambda now, of=group, on=topic: sample_group(of.name, on.name, self._positions, now),
                    )
            self._ended.wait(max(0.0, began + SAMPLE_EVERY - time.monotonic()))

    def sent(self) -> int:
        """Readings of the fleet that were ever sent."""
        return sum(self._positions.ends(HEAT.readings.name).values())

    def stop(self) -> None:
        self._ended.set()

    def _add(self, name: str, look: Callable[[datetime], Sample]) -> None:
        try:
            self.samples.setdefault(name, []).append(look(datetime.now(UTC)))
        except SohError as error:
            _say(f"{name}: {error}")


@dataclass(kw_only=True)
class _Sensors:
    """The processes that send for the sensors which the copy does not have itself."""

    home: Home
    first: int
    """An id that no facility had before."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    count: int = 0

    @property
    def ids(self) -> range:
        return range(self.first, self.first + self.count)

    def grow(self, count: int) -> None:
        """Add as many sensors as are missing to `count`; the others go on."""
        more = count - self.count
        if more <= 0:
            return
        command = [str(AIRFLOW_PYTHON), "-m", "bench.parts.sensors", "--kafka", self.home.endpoints.kafka]
        command += ["--first", str(self.first + self.count), "--count", str(more)]
        # The mark lets ./soh down find them, should this process be killed.
        path = os.pathsep.join((str(PROJECT / "include"), str(PROJECT)))
        environment = child_environment(**{MARK: str(self.home.path), "PYTHONPATH": path})
        self.processes.append(subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL))
        self.count = count

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(END_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _sensors(home: Home) -> Iterator[_Sensors]:
    sensors = _Sensors(home=home, first=int(time.time()) * MOST_SENSORS)
    try:
        yield sensors
    finally:
        sensors.stop()


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(main)
