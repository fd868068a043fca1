"""Triggers that watch an app on YARN without holding a worker slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from soh.errors import ServerUnreachable
from soh.hdfs import Hdfs
from soh.kafka.positions import Positions
from soh.settings import Endpoints
from soh.specs import STREAM_APPS, StreamSpec
from soh.streams import look
from soh.streams.verdict import Sample
from soh.streams.watch import Finding, StreamWatch
from soh.yarn import AppState, ResourceManager, YarnApp

SETTLE = timedelta(seconds=5)
"""No event before this: one that fires while the worker still reports the deferral fails the task falsely."""

UNKNOWN_FOR = timedelta(seconds=60)
"""A ResourceManager that answers and does not know the app for this long has forgotten it."""


class AppTrigger(BaseTrigger):
    """Fires once, when the app has ended; an unreachable ResourceManager is not an end.

    The event is `{"app_id", "reason"}`; the reason is empty when the app ended by itself.
    """

    poll = timedelta(seconds=5)

    def __init__(self, *, app_id: str, endpoints: dict[str, Any]) -> None:
        super().__init__()
        self.app_id = app_id
        self.endpoints = endpoints
        self._unknown_since: datetime | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", {"app_id": self.app_id, "endpoints": self.endpoints}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(SETTLE.total_seconds())
        while (reason := await self._reason_to_return()) is None:
            await asyncio.sleep(self.poll.total_seconds())
        yield TriggerEvent({"app_id": self.app_id, "reason": reason})

    async def on_kill(self) -> None:
        # Cut off after about a second, and the next try may start before it: one request, and no waiting
        # for its effect. Whoever starts the next driver proves that this one is gone.
        await asyncio.shield(asyncio.to_thread(self._cluster.kill, self.app_id))

    @property
    def _cluster(self) -> ResourceManager:
        return ResourceManager(self.endpoints["yarn"])

    async def _reason_to_return(self) -> str | None:
        now = datetime.now(tz=UTC)
        try:
            app = await asyncio.to_thread(self._cluster.app, self.app_id)
        except ServerUnreachable as error:
            self.log.warning("%s is not seen: %s", self.app_id, error)
            return None
        if app is None:
            self._unknown_since = self._unknown_since or now
            forgotten = now - self._unknown_since >= UNKNOWN_FOR
            return f"the ResourceManager at {self.endpoints['yarn']} has forgotten {self.app_id}" if forgotten else None
        self._unknown_since = None
        if not app.alive:
            return ""
        return await self._watch(app, now)

    async def _watch(self, app: YarnApp, now: datetime) -> str | None:  # noqa: ARG002
        """Look deeper at a living app; a reason to give it up, or None."""
        return None


class StreamAppTrigger(AppTrigger):
    """Also judges the app's streams by their checkpoints, and gives the app up when one is hopeless."""

    look_every = timedelta(seconds=15)
    tell_every = timedelta(minutes=1)

    def __init__(self, *, app: str, app_id: str, endpoints: dict[str, Any]) -> None:
        super().__init__(app_id=app_id, endpoints=endpoints)
        self.app = app
        self._streams: StreamWatch | None = None
        self._next_look = self._next_word = datetime.min.replace(tzinfo=UTC)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        path, arguments = super().serialize()
        return path, {"app": self.app, **arguments}

    async def _watch(self, app: YarnApp, now: datetime) -> str | None:
        # Streams of an app that waits for memory, or that a restarted ResourceManager has not heard of yet,
        # are not judged: no new driver would read sooner.
        if app.state is not AppState.RUNNING or now < self._next_look:
            return None
        self._next_look = now + self.look_every
        findings = await asyncio.to_thread(self._look, app, now)
        if now >= self._next_word:
            self._next_word = now + self.tell_every
            self.log.info("%s is %s\n%s", app.id, app.state, "\n".join(f"  {finding}" for finding in findings))
        for finding in findings:
            if finding.hopeless:
                return f"gave up on {app.id} after {finding.standing}: {finding}"
        return None

    def _look(self, app: YarnApp, now: datetime) -> list[Finding]:
        if self._streams is None:
            drivers = self._cluster.apps(STREAM_APPS[self.app].yarn_tag)
            earlier = [driver.started for driver in drivers if driver.started < app.started]
            self._streams = StreamWatch(STREAM_APPS[self.app].streams, _sampler(Endpoints(**self.endpoints)), earlier)
        return self._streams.look(now)


def _sampler(endpoints: Endpoints) -> Callable[[StreamSpec, datetime], Sample]:
    hdfs = Hdfs(endpoints.webhdfs, endpoints.hdfs_user)
    positions = Positions(endpoints.kafka)
    return lambda stream, now: look.sample(stream, hdfs, positions, now)
