"""Writing grades to the time-series database: what it refuses is found and told apart, the rest is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from influxdb.exceptions import InfluxDBClientError

from soh.serving import influx
from soh.serving.points import Point

_ANSWER_WITHIN = timedelta(seconds=10)
_BAD_POINTS = 400
_TOO_MANY_AT_ONCE = 413


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The database's answer to a write of which it took only a part, or nothing."""

    reason: str
    beyond_retention: bool = False
    dropped: int = 0
    """How many points it says to have left out; 0 where it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the points of one batch: each is in exactly one of the three."""

    written: tuple[Point, ...]
    expired: tuple[Point, ...]
    """Older than the retention of the database."""
    refused: tuple[tuple[Point, str], ...]
    """For a reason that lies in the point."""


def deliver(points: Sequence[Point], send: Callable[[Sequence[Point]], Refusal | None]) -> Outcome:
    """Send points; where some are refused, find them, and send again until the database takes all the rest.

    The database tells why and how many, not which. Those beyond its retention are the oldest; others are
    found by halving. Writing a point twice changes nothing, so only points of a write that was taken
    whole count as written. Costs about 2 log2(n) writes for each point refused.
    """
    written: list[Point] = []
    expired: list[Point] = []
    refused: list[tuple[Point, str]] = []
    waiting = [list(points)] if points else []
    while waiting:
        part = waiting.pop()
        refusal = send(part)
        if refusal is None:
            written += part
        elif refusal.beyond_retention and refusal.dropped:
            part.sort(key=lambda point: point.time)
            expired += part[: refusal.dropped]
            if rest := part[refusal.dropped :]:
                waiting.append(rest)
        elif len(part) in (1, refusal.dropped):
            refused += [(point, refusal.reason) for point in part]
        else:
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]
    return Outcome(written=tuple(written), expired=tuple(expired), refused=tuple(refused))


def refusal_of(code: int | None, text: str) -> Refusal | None:
    """What an answer says about the points; None for an answer that is not about them.

    An answer that is not known to be about the points is waited out: nothing is skipped on a guess.
    """
    about_points = code == _BAD_POINTS and re.search("partial write|unable to parse|field type conflict", text)
    if not about_points and code != _TOO_MANY_AT_ONCE:
        return None
    dropped = re.search(r"dropped=(\d+)", text)
    return Refusal(
        reason=text,
        beyond_retention="beyond retention policy" in text,
        dropped=int(dropped.group(1)) if dropped else 0,
    )


class TsdbWriter:
    """Writes grades to one database."""

    def __init__(self, url: str, *, database: str, user: str, password: str) -> None:
        """`url` as `http://host:port`. Raises BadInput."""
        self.url = url
        self._database = database
        self._client = influx.client(url, database=database, user=user, password=password, answer_within=_ANSWER_WITHIN)

    def write(self, points: Sequence[Point]) -> Outcome:
        """Write points, those that are there already without an effect.

        Raises ServerUnreachable; some of the points may have been written then.
        """
        return deliver(points, self._send)

    def close(self) -> None:
        self._client.close()

    def _send(self, points: Sequence[Point]) -> Refusal | None:
        with influx.asking(self.url, f"take {len(points)} points for database {self._database}"):
            try:
                self._client.write_points([point.line for point in points], time_precision="u", protocol="line")
            except InfluxDBClientError as error:
                refusal = refusal_of(error.code, str(error))
                if refusal is None:
                    raise
                return refusal
        return None
