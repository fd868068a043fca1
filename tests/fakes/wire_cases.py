"""Records as they may come, each with the reason why it cannot be read; both decoders are asked."""

from datetime import UTC, date, datetime

from tests.fakes.messages import NOW, heat, inspection, text, without

from soh.specs import schemas

DEEPEST = 998
"""Lists in each other in a member of a record; the object and what Spark's decoder puts around it count as well."""

READABLE = {
    "English names": text(heat()),
    "Korean names": text({"sensor_id": 100, "timestamp": NOW, "누적전력량": 12.5, "R상선간전압": 381.0, "온도": 41.5}),
    "the same value in both spellings": text(heat(온도=41.5)),
    "a null beside a value in the other spelling": text(heat(temperature=None, 온도=41.5)),
    "every measurement null": text({"facility_id": 100, "event_time": NOW, "temperature": None}),
    "unknown keys": text(heat(colour="red", nested={"a": [1, {"b": None}]})),
    "blanks around it": b" \r\n\t" + text(heat()) + b"\n ",
    "an integer where a fraction may be": text(heat(temperature=41)),
    "an integer as event time": text(heat(event_time=int(NOW))),
    "a number in exponent form": b'{"facility_id":100,"event_time":1.7775e9}',
    "exactly as long as allowed": text(heat()) + b" " * (schemas.HEAT_READING.max_size - len(text(heat()))),
    "the first event time allowed": text(heat(event_time=schemas.HEAT_READING.earliest.timestamp())),
    "the last event time allowed": text(heat(event_time=NOW + 3600)),
    "the last event time allowed when it is rounded": text(heat(event_time=NOW + 3600.0000004)),
    "the same beside an unknown key": text(heat(event_time=NOW + 3600.0000004, colour="red")),
    "nested as deep as a parser allows": text(heat(deep=None)).replace(b"null", b"[" * DEEPEST + b"]" * DEEPEST),
    "a name as long as a parser allows": text(heat(**{"x" * 50_000: 1})),
    "a measurement of 1,000 digits": text(heat(temperature=0)).replace(
        b'"temperature": 0', b'"temperature": 0.' + b"1" * 999
    ),
    "infinite in the spelling that does not count": text(heat(온도=7)).replace(b": 7}", b": 1e999}"),
    "a name written with escapes": text(heat()).replace(b"facility_id", rb"facility\u005f\u0069d"),
}

UNREADABLE = {
    "empty": {
        "null value": None,
        "no bytes": b"",
    },
    "oversized": {
        "one byte too long": text(heat()) + b" " * (schemas.HEAT_READING.max_size + 1 - len(text(heat()))),
        "long and not JSON": b"\xff" * 200_000,
    },
    "not_utf8": {
        "Latin-1": '{"facility_id":100,"name":"é"}'.encode("latin-1"),
        "UTF-16": text(heat()).decode().encode("utf-16"),
        "a surrogate as bytes": b'{"facility_id":100,"name":"\xed\xa0\x80"}',
        "an overlong form": b'{"facility_id":100,"name":"\xc0\xaf"}',
        "random bytes": bytes(range(256)),
    },
    "not_json": {
        "words": b"temperature is high",
        "blanks": b"   ",
        "a number": b"5",
        "a text": b'"heat"',
        "null": b"null",
        "a list of one good object": b"[" + text(heat()) + b"]",
        "an empty list": b"[]",
        "cut off": text(heat())[:-5],
        "words behind it": text(heat()) + b" and more",
        "a second object behind it": text(heat()) + text(heat()),
        "a second object behind a comma": text(heat()) + b"," + text(heat()),
        "a brace too many": text(heat()) + b"}",
        "a brace too many and words": text(heat()) + b"} and more",
        "an ending that imitates the envelope": text(heat()) + b',"end":987654321} and more',
        "a zero byte behind it": text(heat()) + b"\x00",
        "a comment": b"/* heat */" + text(heat()),
        "single quotes": b"{'facility_id':100}",
        "a bare key": b"{facility_id:100}",
        "a trailing comma": b'{"facility_id":100,}',
        "a leading zero": b'{"facility_id":0100}',
        "a line break in a text": b'{"facility_id":100,"name":"a\nb"}',
        "a byte order mark": b"\xef\xbb\xbf" + text(heat()),
        "nested without end": b'{"a":' + b"[" * 20_000,
        "nested deeper than a parser allows": b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        "nested one deeper than a parser allows": text(heat(deep=None)).replace(
            b"null", b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1)
        ),
        "a measurement of 1,001 digits": text(heat(temperature=0)).replace(
            b'"temperature": 0', b'"temperature": 1.' + b"1" * 1_000
        ),
        "a measurement of 1,001 digits, that of the exponent included": text(heat(temperature=0)).replace(
            b'"temperature": 0', b'"temperature": 0.' + b"1" * 999 + b"e1"
        ),
        "a number of 5,000 digits": b'{"facility_id":' + b"9" * 5_000 + b"}",
        "a name longer than a parser allows": text(heat(**{"x" * 50_001: 1})),
    },
    "wrong_type": {
        "a measurement as text": text(heat(temperature="41.5")),
        "a measurement as empty text": text(heat(temperature="")),
        "a measurement as true": text(heat(temperature=True)),
        "a measurement as list": text(heat(temperature=[41.5])),
        "a measurement as object": text(heat(temperature={"value": 41.5})),
        "a bare NaN": text(heat(temperature=float("nan"))),
        "a bare Infinity": text(heat(temperature=float("-inf"))),
        "a quoted NaN": text(heat(temperature="NaN")),
        "a quoted infinity": text(heat(temperature="+INF")),
        "a measurement beyond a double": b'{"facility_id":100,"event_time":1777636800,"temperature":1e999}',
        "a facility as text": text(heat(facility_id="100")),
        "a facility with a fraction": text(heat(facility_id=100.5)),
        "a facility with a fraction of zero": text(heat(facility_id=100.0)),
        "a facility beyond a long": text(heat(facility_id=2**63)),
        "a facility of 500 digits": b'{"facility_id":' + b"9" * 500 + b"}",
        "a facility as true": text(heat(facility_id=True)),
        "an event time as text": text(heat(event_time="2026-05-01T12:00:00Z")),
        "a wrong value in the other spelling": text(heat(온도="warm")),
        "a wrong value before the right one of the same key": b'{"seq":"x","seq":1,"facility_id":1,"event_time":1}',
        "NaN in an unknown key": text(heat(colour=float("nan"))),
    },
    "missing_facility_id": {
        "no facility": text(without(heat(), "facility_id")),
        "facility null": text(heat(facility_id=None)),
        "facility null in both spellings": text(heat(facility_id=None, sensor_id=None)),
        "a key of other case": text({"Facility_ID": 100, "event_time": NOW}),
        "an empty object": b"{}",
        "neither facility nor event time": text({"temperature": 41.5}),
    },
    "missing_event_time": {
        "no event time": text(without(heat(), "event_time")),
        "event time null": text(heat(event_time=None)),
    },
    "event_time_out_of_range": {
        "1970": text(heat(event_time=0)),
        "a microsecond too early": text(heat(event_time=schemas.HEAT_READING.earliest.timestamp() - 0.000001)),
        "a microsecond too far ahead": text(heat(event_time=NOW + 3600.000001)),
        "milliseconds instead of seconds": text(heat(event_time=int(NOW * 1000))),
        "before Christ": text(heat(event_time=-1e15)),
        "beyond a timestamp": text(heat(event_time=1e300)),
        "beyond a double": b'{"facility_id":100,"event_time":1e999}',
        "below a double": b'{"facility_id":100,"event_time":-1e999}',
    },
}

INSPECTIONS = {
    "readable": (text(inspection(condition="접촉 불량 😀")), None),
    "a pair of escaped surrogates": (text(inspection(condition="X")).replace(b"X", rb"\ud83d\ude00"), None),
    "a backslash that escapes nothing": (text(inspection(condition="X")).replace(b"X", rb"\\ud83d"), None),
    "a lone high surrogate": (text(inspection(condition="X")).replace(b"X", rb"\ud83d"), "not_utf8"),
    "a lone low surrogate": (text(inspection(condition="X")).replace(b"X", rb"\\\udE00"), "not_utf8"),
    "a pair torn apart": (text(inspection(condition="X")).replace(b"X", rb"\ud83d\\\ude00"), "not_utf8"),
    "a number for text": (text(inspection(condition=5)), "wrong_type"),
    "true for text": (text(inspection(state=True)), "wrong_type"),
    "a list for text": (text(inspection(state=["warning"])), "wrong_type"),
    "objects for text, nested as deep as a parser allows": (
        text(inspection(state=None)).replace(b"null", b'{"a":' * DEEPEST + b"1" + b"}" * DEEPEST),
        "wrong_type",
    ),
    "lists for text, nested as deep as a parser allows": (
        text(inspection(state=None)).replace(b"null", b"[" * DEEPEST + b"]" * DEEPEST),
        "wrong_type",
    ),
    "an object for text that has a name twice": (
        text(inspection()).replace(b'"warning"', b'{"a":1,"a":2}'),
        "wrong_type",
    ),
    "null for a required text": (text(inspection(state=None)), "missing_state"),
    "no begin": (text(without(inspection(), "from")), "missing_from_time"),
    "an end beyond the calendar": (text(inspection(to=1e15)), "wrong_type"),
    "an end beyond a double": (text(inspection(to=1)).replace(b'"to": 1', b'"to": 1e999'), "wrong_type"),
    "a number before the text of the same key": (b'{"state":5,' + text(inspection())[1:], None),
    "a number after the text of the same key": (text(inspection())[:-1] + b',"state":5}', "wrong_type"),
}

SECONDS, PARTS = (946_684_801, 1_700_000_000, 1_777_636_799), (0, 1, 123_456, 499_999, 500_000, 999_999)
MICROSECONDS = {
    f'{{"facility_id":100,"event_time":{second}.{part:06d}}}'.encode(): second * 1_000_000 + part
    for second in SECONDS
    for part in PARTS
}
"""Messages on `heat`, and the microseconds from 1970 to their event times."""

DAYS = {
    text(heat(event_time=moment.timestamp())): day
    for moment, day in {
        datetime(2026, 4, 30, 14, 59, 59, 999_999, tzinfo=UTC): date(2026, 4, 30),
        datetime(2026, 4, 30, 15, 0, tzinfo=UTC): date(2026, 5, 1),
        datetime(2026, 5, 1, 0, 0, tzinfo=UTC): date(2026, 5, 1),
    }.items()
}
"""Messages on `heat`, and their local days in Seoul."""

CASES = [
    *((name, None, value) for name, value in READABLE.items()),
    *((name, reason, value) for reason, values in UNREADABLE.items() for name, value in values.items()),
]
