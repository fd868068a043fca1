from __future__ import annotations

from dataclasses import dataclass

import pytest

from soh.errors import BadDeclaration
from soh.specs._names import by_name, check_name


@dataclass(frozen=True)
class Thing:
    name: str
    size: int = 0


@pytest.mark.parametrize("name", ["a", "heat_raw", "heat2", "a" * 60])
def test_a_name_that_can_be_an_id_a_path_and_a_tag_is_taken(name):
    check_name("topic", name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Heat",
        "2heat",
        "_heat",
        "heat-raw",
        "heat raw",
        "heat.raw",
        "heat/raw",
        "../heat",
        "온도",
        "heat\n",
        "a" * 61,
    ],
)
def test_any_other_name_is_refused_with_its_kind(name):
    with pytest.raises(BadDeclaration, match="topic"):
        check_name("topic", name)


def test_declarations_are_indexed_by_name():
    assert by_name(Thing("b"), Thing("a")) == {"b": Thing("b"), "a": Thing("a")}


def test_two_declarations_of_one_name_are_refused_by_name():
    with pytest.raises(BadDeclaration, match=r"declared twice: \['b'\]"):
        by_name(Thing("b"), Thing("a"), Thing("b", size=1))
