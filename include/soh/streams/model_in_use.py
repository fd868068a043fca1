"""Which model a scoring stream grades with, as the stream itself says it on HDFS."""

from __future__ import annotations

from dataclasses import dataclass

from soh.classifier.in_use import InUse
from soh.errors import BadInput
from soh.hdfs import Hdfs
from soh.settings import Endpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInUse:
    """The version on every grade of a stream since one of its batches."""

    version: str
    """A number of the registry, `rule`, or `none`."""
    from_batch: int
    since: str
    """ISO 8601, UTC."""
    refused: str | None
    """Why the registry's champion is not used; None while it is, or while there is none."""


def read(hdfs: Hdfs, stream: str) -> ModelInUse | None:
    """What a stream said last; None before its first batch. Raises ServerUnreachable, BadInput."""
    path = Endpoints.model_in_use(stream)
    text = hdfs.read_text(path)
    return None if text is None else parse(text, path)


def parse(text: str, path: str) -> ModelInUse:
    """Read the JSON that a scoring stream writes; BadInput names `path` when it is something else."""
    try:
        said = InUse.from_json(text)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{path} is not what a scoring stream says of its model: {type(error).__name__}: {error}"
        ) from None
    return ModelInUse(
        version=said.version,
        from_batch=said.from_batch,
        since=said.since,
        refused=f"version {said.refused.version}: {said.refused.reason}" if said.refused else None,
    )
