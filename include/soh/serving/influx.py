"""The connection to InfluxDB that grades are written and read through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import requests
from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError, InfluxDBServerError

from soh.errors import BadInput, ServerUnreachable

_CONNECT_WITHIN = timedelta(seconds=3)


def client(url: str, *, database: str, user: str, password: str, answer_within: timedelta) -> InfluxDBClient:
    """Connect to the server at `url` (`http://host:port`); nothing is sent yet. Raises BadInput."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port:
        raise BadInput(f"InfluxDB's address is {url!r}; it must be http://HOST:PORT")
    return InfluxDBClient(
        host=parts.hostname,
        port=port,
        username=user,
        password=password,
        database=database,
        ssl=parts.scheme == "https",
        verify_ssl=True,
        timeout=(_CONNECT_WITHIN.total_seconds(), answer_within.total_seconds()),
        # Who asks knows better whether and when to ask again.
        retries=1,
    )


@contextmanager
def asking(url: str, what: str) -> Iterator[None]:
    """Turn the client's errors into ServerUnreachable, which says that the server did not do `what`."""
    try:
        yield
    except (InfluxDBClientError, InfluxDBServerError, requests.RequestException) as error:
        raise ServerUnreachable(f"InfluxDB at {url} did not {what}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """The server's own words for a failure, or how the network failed."""
    if isinstance(error, InfluxDBClientError | InfluxDBServerError):
        return str(error)
    # The connection pool wraps what happened into a sentence that repeats the whole address.
    cause = getattr(error.args[0], "reason", error) if error.args else error
    return f"{type(cause).__name__}: {cause}".removesuffix(": ")
