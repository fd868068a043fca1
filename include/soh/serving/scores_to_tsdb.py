"""`python -m soh.serving.scores_to_tsdb`: write every grade to the time-series database until SIGTERM."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from soh.errors import BadInput
from soh.serving.consumer import ScoresToTsdb
from soh.serving.writing import TsdbWriter

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def scores_to_tsdb(
    kafka: Annotated[str, typer.Option(help="Brokers: HOST:PORT,...", metavar="HOST:PORT,...")],
    tsdb: Annotated[str, typer.Option(help="InfluxDB: http://HOST:PORT.", metavar="URL")],
    database: Annotated[str, typer.Option(help="Database to write to.", metavar="NAME")],
    user: Annotated[str, typer.Option(help="User that may write there.", metavar="NAME")],
    password_file: Annotated[Path, typer.Option(help="File that holds the user's password alone.", metavar="FILE")],
) -> None:
    """Write every grade of every fleet to the time-series database, and commit it afterwards."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    try:
        writer = TsdbWriter(tsdb, database=database, user=user, password=_password(password_file))
        service = ScoresToTsdb(kafka, writer)
    except BadInput as error:
        typer.echo(f"soh.serving.scores_to_tsdb: {error}", err=True)
        raise typer.Exit(2) from None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    service.run()


def _password(path: Path) -> str:
    try:
        password = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--password-file {path} cannot be read: {error}") from None
    if not password:
        raise BadInput(f"--password-file {path} is empty; it must hold a password")
    return password


if __name__ == "__main__":
    app(prog_name="python -m soh.serving.scores_to_tsdb")
