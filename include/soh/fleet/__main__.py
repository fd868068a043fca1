"""`python -m soh.fleet`: run the sensors of one fleet until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from soh.errors import BadInput
from soh.fleet import meter_file
from soh.fleet.heat import HeatFleet
from soh.fleet.hydraulic import HydraulicReplay
from soh.fleet.meter import MeterReplay
from soh.fleet.produce import Runner
from soh.fleet.recording import load
from soh.fleet.source import Source
from soh.specs.fleets import HEAT, HYDRAULIC, LONGEST_PAST, FleetSpec

HEAT_PERIOD = HEAT.period.total_seconds()
HYDRAULIC_PERIOD = HYDRAULIC.period.total_seconds()

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

Kafka = Annotated[str, typer.Option(help="Brokers: HOST:PORT,...", metavar="HOST:PORT,...")]
StateDir = Annotated[Path, typer.Option(help="Folder for the fleet's ledger and outbox.", metavar="DIR")]
Facilities = Annotated[int, typer.Option(help="Number of facilities.", metavar="N")]
Period = Annotated[float, typer.Option(help="Time between two readings of a facility.", metavar="SECONDS")]

Past = Annotated[
    float | None,
    typer.Option(help="The first start sends as many hours of the past first; 0 for none.", metavar="HOURS"),
]


@app.callback()
def fleet() -> None:
    """Run the sensors of one fleet: read every facility once a period and send it to Kafka."""


@app.command()
def heat(
    kafka: Kafka,
    state_dir: StateDir,
    facilities: Facilities = HEAT.facilities,
    period: Period = HEAT_PERIOD,
    seed: Annotated[int, typer.Option(help="Another seed is another fleet.", metavar="N")] = 1,
    hours_to_degrade: Annotated[
        float, typer.Option(help="From the first sign of a fault to its worst; 0.1 for a demo.", metavar="H")
    ] = 6.0,
    meter: Annotated[
        Path | None, typer.Option(help="Replay this recorded meter instead; it has no faults.", metavar="FILE")
    ] = None,
    past: Past = None,
) -> None:
    """Virtual power facilities with hidden, repaired faults, or replay of a real meter."""

    def make() -> Source:
        ids = _ids(HEAT, facilities)
        _check_period(period)
        if meter is not None:
            return MeterReplay(ids, meter_file.load(meter), seed=seed)
        return HeatFleet(ids, seed=seed, hours_to_degrade=hours_to_degrade, period=period)

    _run(make, kafka, state_dir, period, past)


@app.command()
def hydraulic(
    kafka: Kafka,
    state_dir: StateDir,
    data: Annotated[Path, typer.Option(help="Folder with the recorded data.", metavar="FOLDER")],
    facilities: Facilities = HYDRAULIC.facilities,
    period: Period = HYDRAULIC_PERIOD,
    past: Past = None,
) -> None:
    """Replay of a real hydraulic test rig."""

    def make() -> Source:
        ids = _ids(HYDRAULIC, facilities)
        _check_period(period)
        return HydraulicReplay(ids, load(data), period=period)

    _run(make, kafka, state_dir, period, past)


def _ids(spec: FleetSpec, facilities: int) -> range:
    if not 1 <= facilities <= 1_000_000:
        raise BadInput(f"--facilities is {facilities}; it must be between 1 and 1000000")
    return range(spec.first_facility, spec.first_facility + facilities)


def _check_period(period: float) -> None:
    if not 0.05 <= period <= 3600:
        raise BadInput(f"--period is {period:g}; it must be between 0.05 and 3600 seconds")


def _run(make: Callable[[], Source], kafka: str, state_dir: Path, period: float, past: float | None) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    try:
        if wrong := [part for part in kafka.split(",") if not re.fullmatch(r"[\w.\-\[\]:]+:\d{1,5}", part)]:
            raise BadInput(f"--kafka names {wrong[0]!r}; every broker must be HOST:PORT, separated by commas")
        longest = LONGEST_PAST / timedelta(hours=1)
        if past is not None and not 0 <= past <= longest:
            raise BadInput(f"--past is {past:g}; it must be between 0 and {longest:g} hours")
        source = make()
        length = source.past if past is None else timedelta(hours=past)

        async def serve() -> None:
            await Runner(source, bootstrap=kafka, state_dir=state_dir, period=period, past=length).run()

        asyncio.run(serve())
    except BadInput as error:
        typer.echo(f"soh.fleet: {error}", err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    app(prog_name="python -m soh.fleet")
