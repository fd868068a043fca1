"""The command line for people: `./soh ...`, inside the Airflow environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from soh.errors import BadInput, SohError
from soh.local.environments import AIRFLOW_PYTHON
from soh.local.home import Home
from soh.local.options import FleetOptions, find_data
from soh.local.steps import Steps
from soh.settings import PROJECT, Settings, child_environment

# Imports that only one command needs stand in that command: `./soh status` is asked every few seconds.

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Facility state-of-health streaming, run by Airflow.",
)
streams_app = typer.Typer(no_args_is_help=True, help="Stop, start or restart a stream app.")
app.add_typer(streams_app, name="streams")


def _home() -> Home:
    return Home.of(Settings.from_environment())


def _running_home() -> Home:
    home = _home()
    if not home.endpoints_file.exists():
        raise BadInput(f"nothing is set up in {home.path}; run ./soh up first, or name its folder with SOH_HOME")
    return home


@app.command()
def up(
    data: Annotated[Path | None, typer.Option(help="Folder with recorded sensor data (holds hydraulic/).")] = None,
    facilities: Annotated[int | None, typer.Option(min=1, help="Facilities of the virtual fleet.")] = None,
    period: Annotated[float | None, typer.Option(min=0.1, help="Seconds between two readings of a facility.")] = None,
    rigs: Annotated[int | None, typer.Option(min=1, help="Facilities of the replayed test rig.")] = None,
    hours_to_degrade: Annotated[
        float | None, typer.Option(min=0.01, help="Hours from a facility's first sign of trouble to its worst.")
    ] = None,
    meter: Annotated[
        Path | None, typer.Option(help="Recorded meter that the facilities replay; none for the virtual fleet.")
    ] = None,
    past: Annotated[
        float | None,
        typer.Option(min=0, help="Hours of its past that the virtual fleet sends at its very first start."),
    ] = None,
    landing_interval: Annotated[
        int | None, typer.Option(min=1, metavar="SECONDS", help="Seconds between two landed objects of a partition.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="standard, or small for a machine with 8 GB of memory.")] = None,
) -> None:
    """Set up what is missing, start everything, wait until the main job runs."""
    from soh.local.report import welcome
    from soh.local.up import up as start_all

    settings = Settings.from_environment()
    home = Home.of(settings).with_profile(profile)
    options = FleetOptions.remembered(home).changed(
        heat_facilities=facilities,
        heat_period_seconds=period,
        hydraulic_facilities=rigs,
        hours_to_degrade=hours_to_degrade,
        past=past,
        landing_seconds=landing_interval,
    )
    options = options.with_meter(meter)
    options = options.changed(data=find_data(data, Path(options.data) if options.data else settings.data))
    steps = Steps()
    typer.echo(f"Starting in {home.path} (profile {home.profile.name}, ports from {home.port_base}):", err=True)
    if not options.data:
        typer.echo(f"  The hydraulic fleet is off: no recording in {settings.data} (see ./soh up --data).", err=True)
    start_all(home, options, steps)
    welcome(home, options, steps.seconds, Console())


@app.command()
def down(
    purge: Annotated[bool, typer.Option("--purge", help="Forget all state too: data, history, passwords.")] = False,
) -> None:
    """Stop everything; nothing of it keeps running."""
    from soh.local.up import down as stop_all

    home = _home()
    if not home.path.exists():
        typer.echo(f"Nothing is set up in {home.path}.", err=True)
        return
    stop_all(home, Steps())
    if purge:
        home.purge()
        typer.echo(f"Forgot everything in {home.path}.", err=True)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Tell the state of services, streams, topics and tables."""
    from soh.local.report import tables_of
    from soh.local.supervisor import Supervisor
    from soh.status import status as ask

    home = _running_home()
    found = ask(home.endpoints, Supervisor(home).states(), home.app_secrets)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        # Without a terminal rich takes 80 columns, too few for an application's id.
        console = Console() if sys.stdout.isatty() else Console(width=140)
        for part in tables_of(found):
            console.print(part, "")


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="A service as ./soh status names it.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as the log grows.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1)] = 100,
) -> None:
    """Show the end of a service's log."""
    home = _running_home()
    known = sorted(path.stem for path in home.logs.glob("*.log"))
    if service not in known:
        raise BadInput(f"no log of {service!r}; there are: {', '.join(known) or 'none yet'}")
    options = ["-F"] if follow else []
    os.execvp("tail", ["tail", f"-n{lines}", *options, str(home.logs / f"{service}.log")])  # noqa: S606


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def airflow(context: typer.Context) -> None:
    """Run the Airflow CLI in the right environment."""
    from soh.local.services import airflow_environment

    home = _running_home()
    program = AIRFLOW_PYTHON.parent / "airflow"
    environment = child_environment(**airflow_environment(home))
    os.execve(program, [str(program), *context.args], environment)  # noqa: S606


@app.command("test")
def run_tests(
    suites: Annotated[
        list[str] | None,
        typer.Argument(help="lint, unit, dags, spark, integration, e2e, soak; all but soak if none."),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Go on where the last run was red, with what failed or was not reached.")
    ] = False,
    keyword: Annotated[
        str, typer.Option("-k", metavar="WORD", help="Only tests whose names match, as in pytest.")
    ] = "",
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the copy that e2e or soak starts running, and say where it is.")
    ] = False,
) -> None:
    """Run the tests; they start and stop the servers they need."""
    from soh.local.suites import run

    raise typer.Exit(run(suites or [], failed=failed, keyword=keyword, keep=keep))


@app.command()
def bench(
    name: Annotated[str, typer.Argument(metavar="NAME", help="compaction, fleet, latency, memory, throughput")],
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="latency, fleet, memory: length of each window that is measured.")
    ] = None,
    steps: Annotated[str | None, typer.Option(metavar="N,N,...", help="fleet: numbers of sensors to try.")] = None,
    records: Annotated[
        int | None, typer.Option(min=100, help="throughput, compaction: readings that each side works on.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="throughput, compaction: turns of each side that are counted.")
    ] = None,
) -> None:
    """Measure the running copy, or with throughput servers of its own; where no copy runs, one is started for it."""
    known = sorted(file.stem for file in (PROJECT / "bench").glob("[a-z]*.py"))
    if name not in known:
        raise BadInput(f"no bench {name!r}; there are: {', '.join(known)}")
    chosen = {"--minutes": minutes, "--steps": steps, "--records": records, "--rounds": rounds}
    options = [word for option, value in chosen.items() if value is not None for word in (option, str(value))]
    options += ["--json"] if as_json else []
    environment = child_environment(PYTHONPATH=os.pathsep.join((str(PROJECT / "include"), str(PROJECT))))
    os.execve(AIRFLOW_PYTHON, [str(AIRFLOW_PYTHON), "-m", f"bench.{name}", *options], environment)  # noqa: S606


@app.command()
def screenshots(
    folder: Annotated[Path | None, typer.Option(help="Where the pictures go; docs/images if not given.")] = None,
    unhealthy: Annotated[
        bool,
        typer.Option(
            "--unhealthy",
            help="Then those of faults too: kills the driver of lake, which is replaced, "
            "and stops a service for some minutes.",
        ),
    ] = False,
) -> None:
    """Take the pictures of docs/first-look.md from the running copy."""
    from soh.local.screenshots import FOLDER, take

    take(_running_home(), folder or FOLDER, unhealthy=unhealthy, steps=Steps())


@streams_app.command("stop")
def stop_stream(app_name: Annotated[str, typer.Argument(metavar="APP")]) -> None:
    """Pause the app's Dag, end the driver and see it gone, close the run."""
    _control("stop", app_name)


@streams_app.command("start")
def start_stream(app_name: Annotated[str, typer.Argument(metavar="APP")]) -> None:
    """Let the app's Dag launch it."""
    _control("start", app_name)


@streams_app.command("restart")
def restart_stream(app_name: Annotated[str, typer.Argument(metavar="APP")]) -> None:
    """End the driver and see another one running."""
    _control("restart", app_name)


def _control(action: str, app_name: str) -> None:
    from soh.airflow_api import AirflowApi
    from soh.local.up import wait_for_app
    from soh.specs import STREAM_APPS
    from soh.streams.control import Action, control
    from soh.yarn import ResourceManager

    home = _running_home()
    cluster = ResourceManager(home.endpoints.yarn)
    old = {found.id for found in cluster.apps(STREAM_APPS[app_name].yarn_tag)} if app_name in STREAM_APPS else set()
    api = AirflowApi(home.endpoints.airflow, "admin", home.secrets["airflow_admin"])
    control(Action(action), app_name, api, cluster, lambda line: typer.echo(f"  {line}", err=True))
    if action != Action.STOP:
        running = {found.id for found in cluster.apps(STREAM_APPS[app_name].yarn_tag) if found.alive}
        with Steps().step(f"Stream app {app_name} on YARN") as say:
            # `start` of an app that runs already has nothing to wait for.
            say(wait_for_app(home, app_name, say, other_than=old - running if action == Action.START else old))


def main() -> None:
    """Run one command; an error of ours is a sentence, not a stack."""
    try:
        app(prog_name="./soh")
    except SohError as error:
        sys.exit(f"soh: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"soh: {error}")


if __name__ == "__main__":
    main()
