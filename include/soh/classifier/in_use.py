"""The note in which a scoring stream says which model it grades with: the one format for its writer and its readers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A champion that is not used, and why."""

    version: str
    reason: str
    since: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """The version on every grade from one batch on, and where its artefact is."""

    stream: str
    model: str
    version: str
    """A number of the registry, `rule`, or `none`."""
    from_batch: int
    since: str
    """ISO 8601, UTC."""
    uri: str | None = None
    sha256: str | None = None
    refused: Refused | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> InUse:
        """Read what `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
        said = json.loads(text)
        refused = said.pop("refused")
        return cls(**said, refused=Refused(**refused) if refused else None)
