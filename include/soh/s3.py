"""The connection to the object store that buckets are made and looked at through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from soh.errors import ServerUnreachable

_GONE = frozenset({"NoSuchKey", "NoSuchBucket", "404"})


def client(endpoint: str, access_key: str, secret_key: str, *, retries: int = 2) -> Any:
    """Connect to the store at `endpoint` (`http://host:port`); nothing is sent yet."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        # Any one: the store is not in a region, but requests are signed for one.
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"}, connect_timeout=3, read_timeout=10, retries={"max_attempts": retries}
        ),
    )


def get(store: Any, bucket: str, key: str) -> bytes | None:
    """Content of an object; None when there is none."""
    try:
        content: bytes = store.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _GONE:
            return None
        raise
    return content


@contextmanager
def asking(endpoint: str, what: str) -> Iterator[None]:
    """Turn the client's errors into ServerUnreachable, which says that the store did not do `what`."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ServerUnreachable(f"the object store at {endpoint} did not {what}: {error}") from error
