"""`python -m soh.serving.scores_to_tsdb`: write every grade to the time-series database until SIGTERM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soh.serving.command import new_app, secret_in, serve
from soh.serving.consumer import GroupConsumer
from soh.serving.points import Point
from soh.serving.tsdb_sink import TsdbSink
from soh.serving.writing import TsdbWriter
from soh.specs.groups import SCORES_TO_TSDB

MODULE = "soh.serving.scores_to_tsdb"

app = new_app()


@app.command()
def scores_to_tsdb(
    kafka: Annotated[str, typer.Option(help="Brokers: HOST:PORT,...", metavar="HOST:PORT,...")],
    tsdb: Annotated[str, typer.Option(help="InfluxDB: http://HOST:PORT.", metavar="URL")],
    database: Annotated[str, typer.Option(help="Database to write to.", metavar="NAME")],
    user: Annotated[str, typer.Option(help="User that may write there.", metavar="NAME")],
    password_file: Annotated[Path, typer.Option(help="File that holds the user's password alone.", metavar="FILE")],
) -> None:
    """Write every grade of every fleet to the time-series database, and commit it afterwards."""

    def build() -> GroupConsumer[Point]:
        password = secret_in(password_file, "--password-file", "a password")
        writer = TsdbWriter(tsdb, database=database, user=user, password=password)
        return GroupConsumer(kafka, SCORES_TO_TSDB, TsdbSink(writer))

    serve(MODULE, build)


if __name__ == "__main__":
    app(prog_name=f"python -m {MODULE}")
