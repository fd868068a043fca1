"""What `./soh up` and `./soh status` show a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from soh.local.home import Home
from soh.local.options import FleetOptions
from soh.status import Status

_COLOURS = {"running": "green", "RUNNING": "green", "starting": "yellow", "ACCEPTED": "yellow", "stopped": "dim"}


def welcome(home: Home, options: FleetOptions, seconds: float, console: Console) -> None:
    """The last lines of `./soh up`: where things are, who may enter, what to look at, how to stop."""
    airflow = home.endpoints.airflow
    fleets = f"{options.heat_facilities} power facilities"
    if options.meter:
        fleets += f" replayed from {options.meter}"
    if options.data:
        fleets += f", {options.hydraulic_facilities} hydraulic rigs replayed from {options.data}"
    lines = (
        "",
        f"[bold green]Running[/] after {seconds:.0f} s: {fleets}.",
        "",
        f"  Airflow    {airflow}   user [bold]admin[/], password: airflow_admin in {home.path}/secrets.json",
        f"  YARN       {home.endpoints.yarn}/cluster",
        f"  HDFS       {home.endpoints.webhdfs}/jmx, WebHDFS below /webhdfs/v1/soh",
        f"  Kafka      {home.endpoints.kafka}",
        f"  InfluxDB   {home.endpoints.tsdb}   user [bold]reader[/], password: tsdb_reader in the same file",
        "",
        "  Look first at the page Fleet in Airflow's navigation: the state of every facility, now.",
        f"  Then at {airflow}/dags/stream__lake: a run without end is a stream that works.",
        "  Ask:    ./soh status     ./soh logs SERVICE     ./soh streams restart lake",
        "  Stop:   ./soh down       (--purge forgets the data too)",
    )
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def tables_of(found: Status) -> Iterator[Table | str]:
    """The status as tables, and a line for each server that did not answer."""
    if found.services:
        yield _table("Services", ("name", "state"), [{"name": n, "state": s} for n, s in found.services.items()])
    else:
        yield "[red]supervisord does not run: every service is stopped; ./soh up starts them.[/]"
    streams = [{**stream, "last_commit": _ago(stream["last_commit_at"])} for stream in found.streams]
    yield _table("Streams", ("name", "state", "lag", "committed_batch", "last_commit", "app", "yarn_app_id"), streams)
    yield _table("Consumer groups", ("name", "topic", "lag"), found.groups)
    models = [{**model, "in_use_since": _ago(model["in_use_since"])} for model in found.models]
    yield _table("Models", ("fleet", "model", "version", "macro_f1", "in_use", "in_use_since", "refused"), models)
    yield _table("Topics", ("name", "partitions", "end_offsets_total"), found.topics)
    yield _table("Tables", ("name", "rows", "files", "bytes"), found.tables)
    for sentence in found.unanswered:
        yield f"[red]{sentence}[/]"


def _table(title: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        numbers = any(isinstance(row[column], int | float) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    return table


def _ago(moment: str | None) -> str | None:
    if moment is None:
        return None
    seconds = (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    colour = _COLOURS.get(text) or ("red" if text in ("failed", "FAILED", "KILLED") else None)
    return f"[{colour}]{text}[/]" if colour else text
