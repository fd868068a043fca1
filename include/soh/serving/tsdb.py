"""The grades as people and programs read them: now, over the last hours, and how many of each state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from influxdb.exceptions import InfluxDBClientError, InfluxDBServerError

from soh.errors import BadInput, ServerUnreachable
from soh.serving import influx
from soh.specs.fleets import FleetSpec
from soh.specs.models import State
from soh.specs.tsdb import MEASUREMENT, RETENTION

_ANSWER_WITHIN = timedelta(seconds=20)

RECENT = timedelta(minutes=2)
"""Almost every facility sends within this; looking no further is fast."""
NAMED_AT_MOST = 200
"""Silent facilities that are asked for by name; more are asked for together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestGrade:
    """The last grade of one facility; a measurement is None where its reading had none."""

    sensor: int
    at: datetime
    """When it was read, in UTC."""
    state: State
    probability: float | None
    pf: float | None
    temperature: float | None
    model_version: str
    seq: int | None
    sent_at: datetime
    """When Kafka took the reading, to the millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """One interval of one facility: its last state with the probability of it, and means of what was measured."""

    at: datetime
    """Begin of the interval."""
    state: State
    probability: float | None
    pf: float | None
    temperature: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCounts:
    """How many facilities were in each state at the end of one interval; silent ones are in none."""

    at: datetime
    """Begin of the interval."""
    facilities: Mapping[State, int]


class Tsdb:
    """Questions to the time-series database.

    Every method raises ServerUnreachable that names the server and the question.
    """

    def __init__(self, url: str, database: str, user: str, password: str) -> None:
        """`url` as `http://host:port`; the user needs to read only. Raises BadInput."""
        self.url = url
        self._client = influx.client(url, database=database, user=user, password=password, answer_within=_ANSWER_WITHIN)

    def close(self) -> None:
        self._client.close()

    def ping(self) -> str:
        """Ask whether the server is there and lets this user in; returns its version."""
        with influx.asking(self.url, "answer a ping"):
            version = str(self._client.ping())
        self._ask("SHOW RETENTION POLICIES")
        return version

    def latest(self, fleet: FleetSpec) -> list[LatestGrade]:
        """The last grade of every facility that had one within the retention, by number.

        Takes milliseconds for a hundred facilities, about a second for 10,000, twice that while some are silent.
        """
        recent = _from(datetime.now(tz=UTC) - RECENT)
        found = {grade.sensor: grade for grade in self._latest(fleet, f"time >= {recent}u")}
        silent = self._sensors(fleet) - found.keys()
        if silent:
            named = (
                f" AND sensor_id =~ /^({'|'.join(map(str, sorted(silent)))})$/" if len(silent) <= NAMED_AT_MOST else ""
            )
            older = self._latest(fleet, f"time < {recent}u{named}")
            found = {grade.sensor: grade for grade in older} | found
        return [found[sensor] for sensor in sorted(found)]

    def history(self, fleet: FleetSpec, sensor: int, since: datetime, every: timedelta) -> list[HistoryPoint]:
        """One facility since then, by interval; intervals without a reading are left out. Raises BadInput."""
        rows = self._ask(
            "SELECT last(pred) AS pred, last(probability) AS probability, mean(pf) AS pf, "
            f"mean(temperature) AS temperature FROM {MEASUREMENT} WHERE fleet = $fleet AND sensor_id = $sensor "
            f"AND time >= {_from(since)}u GROUP BY time({_interval(since, every)}u) fill(none)",
            fleet=fleet.name,
            sensor=str(int(sensor)),
        )
        return [
            HistoryPoint(
                at=_moment(row["time"]),
                state=State(row["pred"]),
                probability=row["probability"],
                pf=row["pf"],
                temperature=row["temperature"],
            )
            for _, row in rows
        ]

    def state_counts(self, fleet: FleetSpec, since: datetime, every: timedelta) -> list[StateCounts]:
        """All facilities since then, by interval. Raises BadInput."""
        rows = self._ask(
            f"SELECT last(pred) AS pred FROM {MEASUREMENT} WHERE fleet = $fleet AND time >= {_from(since)}u "
            f"GROUP BY sensor_id, time({_interval(since, every)}u) fill(none)",
            fleet=fleet.name,
        )
        counts: dict[int, Counter[State]] = {}
        for _, row in rows:
            counts.setdefault(row["time"], Counter())[State(row["pred"])] += 1
        return [StateCounts(at=_moment(time), facilities=dict(counts[time])) for time in sorted(counts)]

    def _latest(self, fleet: FleetSpec, when: str) -> Iterator[LatestGrade]:
        rows = self._ask(
            f"SELECT pred, probability, pf, temperature, model_version, seq, sent_at FROM {MEASUREMENT} "
            f"WHERE fleet = $fleet AND {when} GROUP BY sensor_id ORDER BY time DESC LIMIT 1",
            fleet=fleet.name,
        )
        for tags, row in rows:
            yield LatestGrade(
                sensor=int(tags["sensor_id"]),
                at=_moment(row["time"]),
                state=State(row["pred"]),
                probability=row["probability"],
                pf=row["pf"],
                temperature=row["temperature"],
                model_version=row["model_version"],
                seq=row["seq"],
                sent_at=_moment(row["sent_at"] * 1000),
            )

    def _sensors(self, fleet: FleetSpec) -> set[int]:
        rows = self._ask(
            f"SHOW TAG VALUES FROM {MEASUREMENT} WITH KEY = sensor_id WHERE fleet = $fleet", fleet=fleet.name
        )
        return {int(row["value"]) for _, row in rows}

    def _ask(self, query: str, **values: str) -> list[tuple[Mapping[str, str], dict[str, Any]]]:
        """Rows with the tags of their series; `values` are bound to the names after a $."""
        try:
            answer = self._client.query(query, bind_params=values, epoch="u")
        except (InfluxDBClientError, InfluxDBServerError, requests.RequestException) as error:
            raise ServerUnreachable(
                f"InfluxDB at {self.url} did not answer {query!r} with {values}: {influx.reason(error)}"
            ) from error
        return [
            (series.get("tags", {}), dict(zip(series["columns"], row, strict=True)))
            for series in answer.raw.get("series", [])
            for row in series["values"]
        ]


def _from(moment: datetime) -> int:
    """A time as the queries hold it, in microseconds."""
    if moment.tzinfo is None:
        raise BadInput(f"{moment} says no time zone; it must")
    return round(moment.timestamp() * 1e6)


def _interval(since: datetime, every: timedelta) -> int:
    """Microseconds of an interval, checked: the server would answer any number of them."""
    if every < timedelta(seconds=1) or datetime.now(tz=UTC) - since > RETENTION + timedelta(hours=1):
        raise BadInput(f"intervals of {every} since {since}: at least 1 s, within the last {RETENTION}")
    return every // timedelta(microseconds=1)


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, tz=UTC)
