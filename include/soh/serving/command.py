"""What the commands of the services that write grades share: secrets from files, and an end by signal."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from soh.errors import BadInput
from soh.serving.consumer import GroupConsumer


def new_app() -> typer.Typer:
    """A command of one function, whose errors are sentences."""
    return typer.Typer(
        add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
    )


def serve(module: str, build: Callable[[], GroupConsumer[Any]]) -> None:
    """Serve until SIGTERM or SIGINT what `build` makes of the arguments; a BadInput of it ends the command with 2."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    try:
        service = build()
    except BadInput as error:
        typer.echo(f"{module}: {error}", err=True)
        raise typer.Exit(2) from None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    service.run()


def secret_in(path: Path, option: str, what: str) -> str:
    """The secret that a file holds alone. Raises BadInput."""
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{option} {path} cannot be read: {error}") from None
    if not secret:
        raise BadInput(f"{option} {path} is empty; it must hold {what}")
    return secret
