"""What a process of its own is asked to do; without anything that takes time to load."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be done, where, and by which Java."""

    table: str | None
    """Declared table whose day is to be packed; None for a fold."""
    fleet: str | None
    """Declared fleet whose landed grades are to be folded; None for a table."""
    day: str
    any_size: bool
    """True to do it however large it is."""
    endpoints: dict[str, Any]
    secrets: dict[str, str]
    class_path: list[str]
    java_options: list[str]

    def to_line(self) -> str:
        """One line of JSON; it holds secrets."""
        return json.dumps(asdict(self)) + "\n"
