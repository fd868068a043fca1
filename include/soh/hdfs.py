"""Small files on HDFS: what checkpoints, table metadata and batch results are read from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import requests
import urllib3.exceptions
from hdfs import HdfsError, InsecureClient

from soh.errors import BadInput, ServerUnreachable

# Four lines a call at level INFO would bury everything else in the log of a task that looks every few seconds.
logging.getLogger("hdfs.client").setLevel(logging.WARNING)

_CONNECT_TIMEOUT = timedelta(seconds=3)
_READ_TIMEOUT = timedelta(seconds=30)
_TRIES = 3

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStatus:
    """What a folder's listing says about one entry."""

    length: int
    """Bytes."""
    modified: datetime
    """UTC."""
    is_folder: bool


class _Missing(ServerUnreachable):
    """The NameNode answered that there is no such path."""


class Hdfs:
    """Client of one NameNode's WebHDFS.

    Paths are absolute and without a scheme. Every method raises ServerUnreachable, which names the
    NameNode and the path, for whatever is not the plain absence of a file.
    """

    def __init__(self, url: str, user: str) -> None:
        self.url = url
        self._client = InsecureClient(
            url, user=user, timeout=(_CONNECT_TIMEOUT.total_seconds(), _READ_TIMEOUT.total_seconds())
        )

    def listing(self, path: str) -> dict[str, FileStatus]:
        """Entries of a folder by name; empty when the folder is missing."""
        try:
            entries = self._ask(path, lambda: self._client.list(path, status=True))
            return {name: _file_status(status) for name, status in entries}
        except _Missing:
            return {}

    def read_text(self, path: str) -> str | None:
        """Content of a UTF-8 file, None when it is missing; BadInput when it is no such text."""
        try:
            return self._ask(path, lambda: self._read(path)).decode()
        except _Missing:
            return None
        except UnicodeDecodeError as error:
            raise BadInput(f"{path} on {self.url} is not UTF-8 text: {error}") from None

    def write_text(self, path: str, text: str) -> None:
        """Write a UTF-8 file, over an older one, with the folders above it."""
        # Bytes, because the client would encode a string character by character.
        content = text.encode()
        self._ask(path, lambda: self._client.write(path, data=content, overwrite=True))

    def delete(self, path: str) -> None:
        """Delete a file, or a folder with all it holds; a missing one is as good as deleted."""
        self._ask(path, lambda: self._client.delete(path, recursive=True))

    def _read(self, path: str) -> bytes:
        with self._client.read(path) as reader:
            content: bytes = reader.read()
        return content

    def _ask(self, path: str, call: Callable[[], T]) -> T:
        tries_left = _TRIES
        while True:
            tries_left -= 1
            try:
                return call()
            except HdfsError as error:
                kind = _Missing if error.exception == "FileNotFoundException" else ServerUnreachable
                raise kind(self._complaint(path, error)) from error
            except (requests.ConnectionError, urllib3.exceptions.ProtocolError) as error:
                # The NameNode goes on naming a dead DataNode for some seconds; the next try may be sent elsewhere.
                if not tries_left:
                    raise ServerUnreachable(self._complaint(path, error)) from error
            except (requests.RequestException, urllib3.exceptions.HTTPError, KeyError, ValueError) as error:
                raise ServerUnreachable(self._complaint(path, error)) from error

    def _complaint(self, path: str, error: Exception) -> str:
        return (
            f"WebHDFS at {self.url} did not serve {path}: {type(error).__name__}: {error}. "
            "Is the NameNode up and out of safe mode, and a DataNode beside it?"
        )


def _file_status(status: Mapping[str, Any]) -> FileStatus:
    return FileStatus(
        length=status["length"],
        modified=datetime.fromtimestamp(status["modificationTime"] / 1000, tz=UTC),
        is_folder=status["type"] == "DIRECTORY",
    )
