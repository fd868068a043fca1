"""`python -m soh.serving.scores_to_s3`: land every grade on S3 as it came, in small objects, until SIGTERM.

Offsets are committed once the objects with all records before them are on S3. After a crash what lies behind the
last commit is read again, and lands a second time in an object with another name: whoever reads the objects makes
rows unique by (partition, offset) within their topic.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from soh.serving.command import new_app, secret_in, serve
from soh.serving.consumer import GroupConsumer
from soh.serving.landing import Closed, Limits
from soh.serving.s3_sink import ObjectWriter, S3Sink
from soh.specs.groups import RAREST_LANDING, SCORES_TO_S3
from soh.specs.landing import EVERY

MODULE = "soh.serving.scores_to_s3"

app = new_app()


@app.command()
def scores_to_s3(
    kafka: Annotated[str, typer.Option(help="Brokers: HOST:PORT,...", metavar="HOST:PORT,...")],
    s3: Annotated[str, typer.Option(help="Object store: http://HOST:PORT.", metavar="URL")],
    bucket: Annotated[str, typer.Option(help="Bucket to write to: s3://NAME.", metavar="URI")],
    access_key_file: Annotated[Path, typer.Option(help="File that holds the access key alone.", metavar="FILE")],
    secret_key_file: Annotated[Path, typer.Option(help="File that holds the secret key alone.", metavar="FILE")],
    every: Annotated[
        int,
        typer.Option(
            help="Seconds after which an object is closed.",
            metavar="SECONDS",
            min=1,
            max=int(RAREST_LANDING.total_seconds()),
        ),
    ] = int(EVERY.total_seconds()),
) -> None:
    """Land every grade of every fleet on S3, and commit it afterwards."""

    def build() -> GroupConsumer[Closed]:
        access_key = secret_in(access_key_file, "--access-key-file", "a key")
        secret_key = secret_in(secret_key_file, "--secret-key-file", "a key")
        writer = ObjectWriter(s3, bucket=bucket, access_key=access_key, secret_key=secret_key)
        limits = Limits(every=timedelta(seconds=every))
        return GroupConsumer(kafka, SCORES_TO_S3, S3Sink(writer, limits))

    serve(MODULE, build)


if __name__ == "__main__":
    app(prog_name=f"python -m {MODULE}")
