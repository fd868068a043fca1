"""The page's questions, and the answers that it keeps between refreshes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from soh.orchestration.views.history import Span, history_part
from soh.orchestration.views.kept import Kept
from soh.orchestration.views.notices import notices
from soh.orchestration.views.overview import (
    Seen,
    Versions,
    fleet_part,
    model_part,
    reader_parts,
    scored_fleets,
    time,
)
from soh.orchestration.views.readers import Reader, ReaderLook
from soh.orchestration.views.servers import Clients, Servers
from soh.serving.tsdb import HistoryPoint
from soh.specs import CONSUMER_GROUPS, FLEETS, STREAM_APPS, ConsumerGroupSpec, FleetSpec, ModelSpec, StreamSpec
from soh.streams import look, model_in_use
from soh.yarn import newest

T = TypeVar("T")

_SOON = timedelta(seconds=2)
_RARELY = timedelta(seconds=4)
"""Models and apps change by the minute, not by the second."""
_MOST_HISTORIES = 64
_VERSIONS = 50
"""How far back the registry is searched for the score of the version in use."""


class FleetPage:
    """Asks the servers on behalf of every browser that shows the page; no method fails because one is down."""

    def __init__(self, servers: Servers, patience: timedelta = timedelta(seconds=3)) -> None:
        """`patience`: how long a browser waits for a server that hangs."""
        self._servers = servers
        self._patience = patience
        self._grades = {
            name: self._kept(lambda clients, fleet=fleet: clients.tsdb.latest(fleet)) for name, fleet in FLEETS.items()
        }
        self._in_use = {
            stream.fleet.name: self._kept(
                lambda clients, name=stream.name: model_in_use.read(clients.hdfs, name), _RARELY
            )
            for _, stream in scored_fleets()
        }
        self._versions = self._kept(
            lambda clients: {fleet.model.name: _versions(clients, fleet.model) for fleet in FLEETS.values()}, _RARELY
        )
        self._apps = {
            name: self._kept(lambda clients, tag=app.yarn_tag: newest(clients.yarn.apps(tag)), _RARELY)
            for name, app in STREAM_APPS.items()
        }
        self._readers = {
            stream.name: self._kept(self._stream(stream)) for app in STREAM_APPS.values() for stream in app.streams
        } | {name: self._kept(self._group(group)) for name, group in CONSUMER_GROUPS.items()}
        self._histories: OrderedDict[tuple[str, int, Span], Kept[Sequence[HistoryPoint]]] = OrderedDict()
        self._lock = threading.Lock()

    def overview(self) -> dict[str, Any]:
        """Everything but the hours of a facility; blocks for as long as the slowest server, at most some seconds."""
        kept = [*self._grades.values(), *self._in_use.values(), *self._apps.values(), *self._readers.values()]
        for question in (*kept, self._versions):
            question.begin()
        grades = {name: question.answer() for name, question in self._grades.items()}
        in_use = {name: question.answer() for name, question in self._in_use.items()}
        apps = {name: question.answer() for name, question in self._apps.items()}
        readers = {name: question.answer() for name, question in self._readers.items()}
        seen = Seen(
            at=datetime.now(tz=UTC),
            grades=grades,
            in_use=in_use,
            versions=self._versions.answer(),
            apps=apps,
            readers=readers,
        )
        return {
            "at": time(seen.at),
            "fleets": [fleet_part(fleet, grades[name], seen.at) for name, fleet in FLEETS.items()],
            "models": [model_part(fleet, in_use[name], seen.versions) for name, fleet in FLEETS.items()],
            "readers": reader_parts(seen),
            "notices": [notice.as_json() for notice in notices(seen)],
        }

    def history(self, fleet: FleetSpec, facility: int, span: Span) -> dict[str, Any]:
        """The last hours of one facility."""
        answer = self._history(fleet, facility, span).answer()
        return history_part(fleet, facility, span, answer, datetime.now(tz=UTC))

    def _history(self, fleet: FleetSpec, facility: int, span: Span) -> Kept[Sequence[HistoryPoint]]:
        key = (fleet.name, facility, span)
        with self._lock:
            if key not in self._histories:
                self._histories[key] = self._kept(
                    lambda clients: clients.tsdb.history(
                        fleet, facility, datetime.now(tz=UTC) - span.length, span.interval
                    )
                )
            self._histories.move_to_end(key)
            while len(self._histories) > _MOST_HISTORIES:
                self._histories.popitem(last=False)
            return self._histories[key]

    def _kept(self, ask: Callable[[Clients], T], fresh_for: timedelta = _SOON) -> Kept[T]:
        return Kept(lambda: ask(self._servers.clients()), fresh_for, self._patience)

    def _stream(self, stream: StreamSpec) -> Callable[[Clients], Sequence[ReaderLook]]:
        clients = self._servers.clients
        reader = Reader(
            topic=stream.reads.name,
            stall_after=stream.stall_after,
            allowed_lag=0,
            look=lambda now: look.sample(stream, clients().hdfs, clients().positions, now),
            arrived=lambda then: clients().positions.at_time(stream.reads.name, then),
        )
        return lambda _: [reader.look(datetime.now(tz=UTC))]

    def _group(self, group: ConsumerGroupSpec) -> Callable[[Clients], Sequence[ReaderLook]]:
        clients = self._servers.clients
        readers = [
            Reader(
                topic=topic.name,
                stall_after=group.stall_after,
                allowed_lag=group.allowed_lag,
                look=lambda now, topic=topic: look.sample_group(group.name, topic.name, clients().positions, now),
                arrived=lambda then, topic=topic: clients().positions.at_time(topic.name, then),
            )
            for topic in group.reads
        ]
        return lambda _: [reader.look(datetime.now(tz=UTC)) for reader in readers]


def from_airflow() -> FleetPage:
    """The page of this platform, addressed by Airflow's connections."""
    return FleetPage(Servers())


def _versions(clients: Clients, model: ModelSpec) -> Versions:
    return Versions(
        champion=clients.registry.champion(model.name), newest=clients.registry.versions(model.name, _VERSIONS)
    )
