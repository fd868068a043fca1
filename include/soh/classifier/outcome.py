"""What came of one fleet's training: left on HDFS by the app that trained, taken from there by the fleet's task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soh.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The figures of a training, or why there are none."""

    app_id: str
    """YARN's id of the app that trained."""
    figures: Mapping[str, Any] | None = None
    error: str | None = None
    """A sentence for whoever is on call."""
    try_again: bool = False
    """True when nobody need do anything about the error."""

    def __post_init__(self) -> None:
        said = {"app_id": (self.app_id, str), "try_again": (self.try_again, bool)}
        said |= {"figures": (self.figures, dict)} if self.error is None else {"error": (self.error, str)}
        for name, (value, kind) in said.items():
            if not isinstance(value, kind):
                raise BadInput(f"{name} is {value!r}; it must be a {kind.__name__}")
        if self.error is not None and self.figures is not None:
            raise BadInput("there are figures beside the error; it must be one of them")


def parse(text: str, where: str) -> Outcome:
    """Read an outcome. Raises BadInput, which names `where` it is, for whatever else the text may be."""
    try:
        return Outcome(**json.loads(text))
    except (TypeError, ValueError, BadInput) as error:
        raise BadInput(f"{where} does not tell what came of a training: {error}; delete it and train again") from None
