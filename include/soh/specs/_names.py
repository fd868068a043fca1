"""The rules that names of declarations keep, because they become ids, paths and tags."""

from __future__ import annotations

import re
from typing import Protocol, TypeVar

from soh.errors import BadDeclaration

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def check_name(kind: str, name: str) -> None:
    """Refuse a name that could not be a Dag id, an HDFS path and a YARN tag unchanged."""
    if not _NAME.fullmatch(name):
        raise BadDeclaration(f"{kind} {name!r}: a name has small letters, digits and _ only, at most 60")


def by_name(*specs: T) -> dict[str, T]:
    """Index declarations by their names; two of one name contradict each other."""
    index = {spec.name: spec for spec in specs}
    if len(index) != len(specs):
        names = [spec.name for spec in specs]
        raise BadDeclaration(f"declared twice: {sorted({name for name in names if names.count(name) > 1})}")
    return index
