"""From the sensor to the database: how long a reading takes until it, and its grade, can be read in InfluxDB.

First the platform alone. Then the same again while the first design (two chained queries with a trigger of 5 s)
runs beside it on the same readings, so that both are measured under one load. A time runs from Kafka's timestamp
of the reading to the answer of the first query that held it; queries are 50 ms and their own time apart, so
that a time is too long by up to `polling_p99_ms`, never too short.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Annotated

import numpy as np
import typer

from bench.parts import baseline
from bench.parts.outcome import Outcome, failing_as, show
from bench.parts.platform import running_platform
from bench.parts.readings import Point, Reading, faults, latencies
from bench.parts.watching import Side, Tap, tsdb_side, watch
from soh.local.home import Home
from soh.specs.fleets import HEAT

GRACE = timedelta(seconds=20)
"""After a window, for what is still under way."""
SETTLE = timedelta(seconds=30)
"""After the first design's first grade, for its queries to warm up."""


def main(
    minutes: Annotated[float, typer.Option(min=0.1, help="Length of each of the two windows.")] = 3.0,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Measure from the sensor to the database, beside the first design."""
    with failing_as("latency"), running_platform() as home:
        outcome = measure(home, timedelta(minutes=minutes))
    raise typer.Exit(show(outcome, as_json=as_json))


def measure(home: Home, length: timedelta) -> Outcome:
    """Both windows on the copy in `home`."""
    with closing(Tap(home.endpoints.kafka, HEAT)) as tap:
        _say(f"the platform alone, {length}")
        alone = tsdb_side(home, "platform", home.endpoints.tsdb_database)
        sent_alone = watch(tap, [alone], length, GRACE)
        _say("starting the first design")
        with baseline.running(home) as first_design:
            time.sleep(SETTLE.total_seconds())
            _say(f"both beside each other, {length}")
            beside = tsdb_side(home, "platform beside the first design", home.endpoints.tsdb_database)
            other = tsdb_side(home, "first design", first_design.name)
            sent_beside = watch(tap, [beside, other], length, GRACE)
            return _outcome(length, (alone, sent_alone), (beside, sent_beside), (other, sent_beside))


def _outcome(length: timedelta, *measured: tuple[Side, list[Reading]]) -> Outcome:
    """Figures of the sides, in this order: the platform alone, beside the first design, the first design."""
    found = [faults(side.name, sent, _read_back(side, sent)) for side, sent in measured]
    (alone, sent), (beside, sent_beside), (other, _) = measured
    parts = [
        {**_named("reading", latencies(sent, alone.values_seen)), **_named("soh", latencies(sent, alone.grades_seen))},
        {
            **_named("reading_beside", latencies(sent_beside, beside.values_seen)),
            **_named("soh_beside", latencies(sent_beside, beside.grades_seen)),
        },
        _named("baseline", latencies(sent_beside, other.grades_seen)),
    ]
    figures = {
        name: value for part, wrong in zip(parts, found, strict=True) if not wrong for name, value in part.items()
    }
    figures |= {f"polling_p{share}_ms": float(np.percentile(alone.gaps, share)) * 1000 for share in (50, 99)}
    figures |= {"readings": len(sent) + len(sent_beside), "readings_per_s": len(sent) / length.total_seconds()}
    return Outcome(
        name="latency",
        figures=figures,
        faults=[fault for faults_of_side in found for fault in faults_of_side],
        notes=["a reading's values and its grade are one point: both become readable at once"],
    )


def _named(prefix: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}_{name}": value for name, value in figures.items()}


def _read_back(side: Side, sent: Sequence[Reading]) -> list[Point]:
    if not sent:
        return []
    times = [reading.event_time for reading in sent]
    return side.points(min(times), max(times) + 1e-3)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(main)
