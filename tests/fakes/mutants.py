"""Grades that went wrong in seeded ways, and what Spark's decoder makes of them: the other has to make the same.

When the mutants or the rules change, the failing Spark test shows the new outcomes.
"""

import json
import random
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from tests.fakes.grades import grade
from tests.fakes.messages import NOW

from soh.specs import FieldType, schemas
from soh.specs.fleets import HEAT

VALUES = (
    *rb"""
    null true NaN -Infinity +INF INF x 'x' [] {} [NaN] [1,] {"a":1} {"a":1,"a":2} [{"a":{"b":1,"b":1}}] ["\ud800"]
    "" "1" "NaN" "\u0041\n" "\x" "\ud800" "\ud83d\ude00" "\\ud800" "\u0000"
    0 -0 -0.0 1.0 1e2 1. .5 +1 01 1e999 -1e999 1e-999 1.7976931348623157e308 2.4703282292062328e-324
    9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809 18446744073709551617
    946684799.9999996 946684799.9999994 1777640400.0000004 1777640400.000001 1e15 -62135596801
    """.split(),
    *('"접촉 😀"'.encode(), b'"\x7f"', b'"\n"', b'"\xff"', b"1 2", b"9" * 309, b"9" * 1001, b"0." + b"1" * 1000),
    *(b"[" * 998 + b"]" * 998, b"[" * 999 + b"]" * 999, b'{"a":' * 998 + b"1" + b"}" * 998),
)
NAMES = ("colour", "seq", "facility_id", "timestamp", "R_pf", "pred", "record", "end", "Pred", "")
PIECES = (b"\xef\xbb\xbf", *(bytes([byte]) for byte in b"\x00\x0c\x1f \t\r\n\xa0\xff\"'\\{}[]"))
ENDINGS = tuple(rb"""} {} ,"x":1 ,"x":NaN ,"record":{} ,"record":null ,"record":{"seq":"x"} ,"end":1""".split())


def _mutants(count: int) -> Iterator[bytes]:
    dice = random.Random(20260501)
    for number in range(count):
        sent = grade(HEAT, 100, number, round(NOW - dice.random() * 1000, 6), temperature=dice.gauss(40, 9))
        members = [(json.dumps(name).encode(), json.dumps(value).encode()) for name, value in sent.items()]
        for _ in range(dice.choice((1, 1, 2))):
            at, value = dice.randrange(len(members)), dice.choice(VALUES)
            match dice.randrange(5):
                case 0:
                    members[at] = members[at][0], value
                case 1:
                    members.insert(dice.randrange(len(members)), (members[at][0], value))
                case 2:
                    members.append((json.dumps(dice.choice(NAMES)).encode(), value))
                case 3:
                    del members[at]
        text = b"{" + b", ".join(name + b": " + value for name, value in members) + b"}"
        if dice.random() < 0.3:
            text += dice.choice(ENDINGS)
        elif dice.random() < 0.3:
            at = dice.randrange(len(text))
            text = text[:at] + dice.choice((b"", *PIECES)) + text[at + dice.randrange(2) :]
        yield text


MUTANTS = tuple(_mutants(4000))

COLUMNS = tuple(field.name for field in schemas.HEAT_SCORE.fields)
"""Of an outcome, behind the reason."""
TIMES = tuple(field.name for field in schemas.HEAT_SCORE.fields if field.type is FieldType.EPOCH_SECONDS)
"""Those of them that are in microseconds since 1970."""

OUTCOMES: dict[str | None, tuple[int, int]] = {
    None: (959, 3100625971),
    "event_time_out_of_range": (37, 691400588),
    "missing_event_time": (47, 144658990),
    "missing_facility_id": (126, 2196468765),
    "missing_model_version": (44, 2078764608),
    "missing_pred": (38, 3112576763),
    "missing_source_offset": (47, 2752940059),
    "missing_source_partition": (41, 1378771714),
    "missing_source_time": (42, 1733703220),
    "not_json": (1423, 292148023),
    "not_utf8": (160, 1419155459),
    "wrong_type": (1036, 2800492922),
}


def outcomes(rows: Iterable[tuple[Any, ...]]) -> dict[str | None, tuple[int, int]]:
    """By reason how many mutants there are, and a checksum of which they are and, of readable ones, of their fields."""
    found = defaultdict(list)
    for number, (reason, *fields) in enumerate(rows):
        found[reason].append((number, None if reason else fields))
    return {reason: (len(those), zlib.crc32(repr(those).encode())) for reason, those in found.items()}
