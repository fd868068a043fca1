"""The command line that every stream app takes."""

from __future__ import annotations

import argparse

from soh.specs import STREAM_APPS


def stream_app_parser(description: str | None) -> argparse.ArgumentParser:
    """Parser of `--app`, `--kafka`, `--checkpoints` and `--accept-loss` (a list of stream names)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--app", required=True, choices=sorted(STREAM_APPS), help="declared stream app")
    parser.add_argument("--kafka", required=True, help="host:port,... of the brokers")
    parser.add_argument("--checkpoints", required=True, help="URI of the folder of checkpoints")
    parser.add_argument(
        "--accept-loss",
        action="append",
        default=[],
        metavar="STREAM",
        help="go on where retention deleted records that this stream had not read",
    )
    return parser
