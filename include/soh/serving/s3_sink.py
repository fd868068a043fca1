"""Grades onto S3, in small objects: every record as it came, nothing judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from soh import s3
from soh.errors import BadInput
from soh.serving.backlog import Parcel
from soh.serving.landing import Closed, Landing, Limits
from soh.serving.records import Partition, Record


@dataclass(slots=True, kw_only=True)
class LandedFigures:
    """What was written since the start."""

    written: int = 0
    """Records."""
    objects: int = 0

    def __str__(self) -> str:
        return f"{self.written} landed in {self.objects} objects"


class ObjectWriter:
    """Puts objects into one bucket."""

    def __init__(self, url: str, *, bucket: str, access_key: str, secret_key: str) -> None:
        """`url` as `http://host:port`, `bucket` as `s3://name`. Raises BadInput."""
        self.url = _address(url)
        self._bucket = _bucket(bucket)
        # Who asks knows better whether and when to ask again.
        self._client: Any = s3.client(url, access_key, secret_key, retries=0)

    def put(self, closed: Closed) -> None:
        """Write one object; the same one again changes nothing. Raises ServerUnreachable."""
        key = closed.place.key
        with s3.asking(self.url, f"take s3://{self._bucket}/{key}"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=closed.body,
                ContentType="application/gzip",
                Metadata=closed.metadata,
            )

    def close(self) -> None:
        self._client.close()


class S3Sink:
    """Gathers the records of each partition into an object, and puts it into the bucket when it is closed."""

    name = "S3"

    def __init__(self, writer: ObjectWriter, limits: Limits) -> None:
        self.figures = LandedFigures()
        self._writer = writer
        self._landing = Landing(limits)
        self._put: set[str] = set()
        """Keys of a write that was cut off, so that what is there is not sent and counted twice."""

    def take(self, records: Sequence[Record]) -> list[Parcel[Closed]]:
        return self._landing.take(records, datetime.now(tz=UTC))

    def release(self, partitions: Iterable[Partition]) -> list[Parcel[Closed]]:
        return self._landing.release(partitions)

    def write(self, contents: Sequence[Closed]) -> None:
        for closed in contents:
            if closed.place.key in self._put:
                continue
            self._writer.put(closed)
            self._put.add(closed.place.key)
            self.figures.written += closed.records
            self.figures.objects += 1
        self._put.clear()

    def close(self) -> None:
        self._writer.close()


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port
    except ValueError:
        known = False
    if not known:
        raise BadInput(f"the object store's address is {url!r}; it must be http://HOST:PORT")
    return url


def _bucket(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc or parts.path.strip("/"):
        raise BadInput(f"the bucket is {uri!r}; it must be s3://NAME")
    return parts.netloc
