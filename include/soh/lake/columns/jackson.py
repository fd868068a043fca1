"""JSON as Spark's reader (Jackson) takes it, for records that are judged alike with and without Spark.

Python's own readers take other texts, and give up on nested ones at a depth that depends on who calls them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum

MOST_DEPTH = 1000
MOST_DIGITS = 1000
"""Of one number, those behind its point and of its exponent included."""
MOST_NAME = 50_000
"""Length of the name of a member, in UTF-16 units."""


class NotJson(ValueError):
    """The text does not begin with one JSON value, or with one that is too long or too deep."""


class Kind(StrEnum):
    """What a value is."""

    OBJECT = "object"
    LIST = "list"
    TEXT = "text"
    WHOLE = "whole"
    """A number without point and exponent."""
    FRACTION = "fraction"
    NO_NUMBER = "no_number"
    """NaN or an infinity, spelled out."""
    TRUTH = "truth"
    NULL = "null"


@dataclass(slots=True)
class Value:
    """One value. What a list holds is checked and not kept."""

    kind: Kind
    text: str
    """As it is written, with its quotes; of an object and a list, the bracket."""
    members: list[tuple[str, Value]] = field(default_factory=list)
    """Of an object, in their order, a name as often as it comes."""
    repeats: bool = False
    """A name comes twice, in this object or in one inside."""


_NUMBERS = (Kind.WHOLE, Kind.FRACTION)
_BLANKS = r"[ \t\r\n]*+"
_TEXT = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_WHOLE = r"-?(?:0|[1-9][0-9]*+)"
_FRACTION = rf"{_WHOLE}(?:\.[0-9]++(?:[eE][+-]?[0-9]++)?+|[eE][+-]?[0-9]++)"

_VALUE = re.compile(
    rf"{_BLANKS}(?:(?P<text>{_TEXT})|(?P<fraction>{_FRACTION})|(?P<whole>{_WHOLE})|(?P<null>null)|(?P<truth>true|false)"
    r"|(?P<object>\{)|(?P<list>\[)|(?P<no_number>NaN|Infinity|[+-]INF|[+-]Infinity))"
)
_NAME = rf"(?P<name>{_TEXT}){_BLANKS}:"
# What stands before the first and before every other value of an object or a list, or ends it.
_FIRST = {
    Kind.OBJECT: re.compile(rf"{_BLANKS}(?:(?P<end>\}})|{_NAME})"),
    Kind.LIST: re.compile(rf"{_BLANKS}(?P<end>\])?"),
}
_NEXT = {
    Kind.OBJECT: re.compile(rf"{_BLANKS}(?:(?P<end>\}})|,{_BLANKS}{_NAME})"),
    Kind.LIST: re.compile(rf"{_BLANKS}(?:(?P<end>\])|,)"),
}


def read(text: str, *, no_numbers: bool = False) -> Value:
    """Read the value that `text` begins with, NaN and the infinities only with `no_numbers`. Raises NotJson.

    What follows the value is not looked at.
    """
    at = 0
    name = ""
    within: list[Value] = []
    while True:
        value, at = _value(text, at)
        if value.kind is Kind.NO_NUMBER and not no_numbers:
            raise NotJson(f"{value.text} is no number")
        if within and within[-1].kind is Kind.OBJECT:
            within[-1].members.append((name, value))
        before = _NEXT
        if value.kind in _FIRST:
            before = _FIRST
            within.append(value)
            if len(within) > MOST_DEPTH:
                raise NotJson(f"nested deeper than {MOST_DEPTH}")
        while within:
            found = _found(before[within[-1].kind], text, at)
            at = found.end()
            if not found["end"]:
                break
            before = _NEXT
            value = _complete(within)
        else:
            return value
        if within[-1].kind is Kind.OBJECT:
            name = _name(found["name"])


def plain(text: str) -> str:
    """What a text means that is written with its quotes."""
    return str(json.loads(text)) if "\\" in text else text[1:-1]


def _found(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    found = pattern.match(text, at)
    if not found:
        raise NotJson(f"no JSON from character {at} on")
    return found


def _value(text: str, at: int) -> tuple[Value, int]:
    found = _found(_VALUE, text, at)
    value = Value(Kind(str(found.lastgroup)), found[str(found.lastgroup)])
    if value.kind in _NUMBERS and len(value.text) > MOST_DIGITS and _digits(value) > MOST_DIGITS:
        raise NotJson(f"a number of more than {MOST_DIGITS} digits")
    return value, found.end()


def _digits(number: Value) -> int:
    """As Jackson counts them: behind a leading zero, an exponent or a fraction that is not there counts as minus one.

    It also counts so when its buffer ends within the number, which is not looked for here: then a number of one digit
    too many is refused that Jackson takes.
    """
    digits = sum(map(str.isdigit, number.text))
    both = "." in number.text and "e" in number.text.lower()
    return digits - (number.text.lstrip("-").startswith("0") and not both)


def _name(text: str) -> str:
    name = plain(text)
    # A character has two units at most.
    if len(name) * 2 > MOST_NAME and len(name.encode("utf-16-le", "surrogatepass")) > MOST_NAME * 2:
        raise NotJson(f"a name of more than {MOST_NAME} characters")
    return name


def _complete(within: list[Value]) -> Value:
    """Take off the innermost object or list."""
    value = within.pop()
    names = {name for name, _ in value.members}
    value.repeats = value.repeats or len(names) < len(value.members)
    if within and value.repeats:
        within[-1].repeats = True
    return value
