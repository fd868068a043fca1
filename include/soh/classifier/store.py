"""The place on S3 where the artefacts of models lie; what comes out of it is proven by its hash."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from soh import s3
from soh.classifier import artefact as artefacts
from soh.errors import ArtefactAltered, ArtefactMissing, BadInput


class ArtefactStore:
    """Artefacts below one root. Nothing is sent before the first put or get."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, root: str) -> None:
        """`endpoint`: http://host:port of the object store; `root`: s3://bucket or s3://bucket/folder."""
        self._endpoint = endpoint
        self._root = root.rstrip("/")
        self._client: Any = s3.client(endpoint, access_key, secret_key)

    def put(self, name: str, artefact: bytes) -> str:
        """Keep `artefact` under `name`, and return its URI. Raises ServerUnreachable."""
        uri = f"{self._root}/{name}"
        bucket, key = _split(uri)
        with s3.asking(self._endpoint, f"take {uri}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=artefact, ContentType="application/json")
        return uri

    def get(self, uri: str, sha256: str) -> bytes:
        """The artefact at `uri`, which must have this SHA-256.

        Raises ArtefactMissing, ArtefactAltered and, when the store does not answer, ServerUnreachable.
        """
        bucket, key = _split(uri)
        with s3.asking(self._endpoint, f"give {uri}"):
            artefact = s3.get(self._client, bucket, key)
        if artefact is None:
            raise ArtefactMissing(
                f"{uri} is not in the object store at {self._endpoint}; put it back, or promote another version"
            )
        found = artefacts.sha256(artefact)
        if found != sha256:
            raise ArtefactAltered(
                f"{uri} has the SHA-256 {found}, but {sha256 or 'none'} was registered; put the registered artefact "
                f"back, or promote another version"
            )
        return artefact


def _split(uri: str) -> tuple[str, str]:
    """Bucket and key of a URI."""
    parts = urlsplit(uri)
    key = parts.path.lstrip("/")
    if parts.scheme != "s3" or not parts.netloc or not key:
        raise BadInput(f"{uri} is not the address of an artefact; it must be s3://bucket/name")
    return parts.netloc, key
