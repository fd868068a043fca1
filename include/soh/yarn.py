"""YARN over REST: which applications run, how they ended, and the proof that one is gone."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import requests

from soh.errors import TRY_AGAIN, AppNotGone, ServerUnreachable

TIMEOUT = (3.0, 10.0)
"""Seconds to connect, and to wait for an answer."""

LOST_FOR = timedelta(minutes=2)
"""A NodeManager that the ResourceManager lost longer ago than this counts as a dead machine."""


class AppState(StrEnum):
    """Life of an application at the ResourceManager."""

    NEW = "NEW"
    NEW_SAVING = "NEW_SAVING"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


ENDED = frozenset({AppState.FINISHED, AppState.FAILED, AppState.KILLED})

_DEAD_CONTAINERS = frozenset({"DONE", "COMPLETE"})
"""States of a container whose process has ended; a NodeManager lists it until its end is acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YarnApp:
    """One application as the ResourceManager describes it."""

    id: str
    name: str
    state: AppState
    final_state: str
    """UNDEFINED until the end, then SUCCEEDED, FAILED or KILLED."""
    tags: frozenset[str]
    started: datetime
    finished: datetime | None
    diagnostics: str = ""
    log_url: str = ""
    """Page of the driver's log at its NodeManager; empty before the driver has a container."""
    tracking_url: str = ""
    driver_node: str = ""
    """`host:port` of the NodeManager that runs the driver; empty before it has a container."""

    @property
    def alive(self) -> bool:
        """True from submission to end; ACCEPTED after a restart of the ResourceManager is alive."""
        return self.state not in ENDED

    @property
    def succeeded(self) -> bool:
        return self.state is AppState.FINISHED and self.final_state == "SUCCEEDED"

    @property
    def asks_for_another_try(self) -> bool:
        """True when its own account is that nobody need do anything: see `soh.errors.TRY_AGAIN`."""
        return self.state is AppState.FINISHED and f"exited with status {TRY_AGAIN}" in self.diagnostics

    @property
    def lifetime(self) -> timedelta | None:
        """None while it lives."""
        return self.finished - self.started if self.finished else None

    @property
    def ending(self) -> str:
        """How it ended, where to look: a sentence for whoever is on call."""
        diagnostics = " ".join(self.diagnostics.split()) or "YARN gives no reason"
        where = f"; driver log: {self.log_url}" if self.log_url else ""
        return f"{self.id} ({self.name}) is {self.state}, final state {self.final_state}: {diagnostics}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One NodeManager."""

    id: str
    state: str
    address: str
    """`host:port` of its REST API; empty when the ResourceManager does not know it."""
    last_heard: datetime

    def dead(self, now: datetime) -> bool:
        """True when nobody need ask it: decommissioned, shut down, or lost for long."""
        if self.state in {"DECOMMISSIONED", "SHUTDOWN", "REBOOTED"}:
            return True
        return self.state == "LOST" and now - self.last_heard > LOST_FOR


def parse_app(raw: dict[str, Any]) -> YarnApp:
    """One element of `apps.app`, or `app`, of the ResourceManager's answer."""
    return YarnApp(
        id=raw["id"],
        name=raw["name"],
        state=AppState(raw["state"]),
        final_state=raw["finalStatus"],
        tags=frozenset(tag for tag in raw.get("applicationTags", "").split(",") if tag),
        started=_time(raw["startedTime"]),
        finished=_time(raw["finishedTime"]) if raw.get("finishedTime") else None,
        diagnostics=raw.get("diagnostics") or "",
        log_url=raw.get("amContainerLogs") or "",
        tracking_url=raw.get("trackingUrl") or "",
        driver_node=raw.get("amHostHttpAddress") or "",
    )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def newest(apps: Iterable[YarnApp]) -> YarnApp | None:
    """The app that matters among those of one tag: one that lives before all that ended, then the one started last."""
    return max(apps, key=lambda app: (app.alive, app.started), default=None)


class ResourceManager:
    """The ResourceManager at `url` (`http://host:port`) and, through it, its NodeManagers."""

    def __init__(self, url: str, *, look_every: timedelta = timedelta(seconds=1)) -> None:
        """`look_every`: the pause between two looks at what should go."""
        self.url = url.rstrip("/")
        self.look_every = look_every

    def apps(self, tag: str) -> list[YarnApp]:
        """Every application it remembers that carries `tag`, oldest first, ended ones included."""
        answer = self._json(f"{self.url}/ws/v1/cluster/apps?applicationTags={quote(tag, safe='')}")
        found = (answer.get("apps") or {}).get("app") or []
        return sorted((parse_app(raw) for raw in found), key=lambda app: (app.started, app.id))

    def app(self, app_id: str) -> YarnApp | None:
        """None when the ResourceManager does not know it."""
        url = f"{self.url}/ws/v1/cluster/apps/{quote(app_id, safe='')}"
        response = self._get(url)
        if response.status_code == requests.codes.not_found:
            return None
        return parse_app(_decoded(url, response)["app"])

    def kill(self, app_id: str) -> None:
        """Ask for the end of an application; returns before it is gone. Unknown or ended ones are left alone."""
        url = f"{self.url}/ws/v1/cluster/apps/{quote(app_id, safe='')}/state"
        try:
            response = requests.put(url, json={"state": "KILLED"}, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise _unreachable(url, error) from error
        if response.status_code == requests.codes.not_found:
            return
        if not response.ok:
            raise ServerUnreachable(f"ResourceManager refused to kill {app_id}: {response.status_code} from {url}")

    def nodes(self) -> list[Node]:
        """Every NodeManager it ever heard of since its start, whatever its state."""
        states = "NEW,RUNNING,UNHEALTHY,DECOMMISSIONING,DECOMMISSIONED,LOST,REBOOTED,SHUTDOWN"
        answer = self._json(f"{self.url}/ws/v1/cluster/nodes?states={states}")
        return [
            Node(
                id=raw["id"],
                state=raw["state"],
                address=raw.get("nodeHTTPAddress") or "",
                last_heard=_time(raw.get("lastHealthUpdate") or 0),
            )
            for raw in (answer.get("nodes") or {}).get("node") or []
        ]

    def containers(self, app_id: str) -> list[str]:
        """Containers of an application that still exist on any machine.

        Asks the NodeManagers themselves, because the ResourceManager calls an application ended
        seconds before its driver is dead. Raises ServerUnreachable when one of them does not answer:
        what it runs is then unknown.
        """
        # container_e17_1700000000000_0001_01_000001 belongs to application_1700000000000_0001.
        infix = f"_{app_id.removeprefix('application_')}_"
        found: list[str] = []
        for address in self._where_it_may_run(app_id):
            answer = self._json(f"http://{address}/ws/v1/node/containers")
            running = (answer.get("containers") or {}).get("container") or []
            found += [raw["id"] for raw in running if infix in raw["id"] and raw["state"] not in _DEAD_CONTAINERS]
        return found

    def _where_it_may_run(self, app_id: str) -> list[str]:
        now = datetime.now(tz=UTC)
        nodes = self.nodes()
        dead = {node.address for node in nodes if node.dead(now)}
        addresses = {node.address for node in nodes} - dead
        if "" in addresses:
            unknown = [node.id for node in nodes if not node.address]
            raise ServerUnreachable(f"{self.url} does not tell the address of {', '.join(unknown)}: what runs there?")
        app = self.app(app_id)
        # After its own restart the ResourceManager does not list a NodeManager before that reports back.
        if app and app.driver_node not in {"", *addresses, *dead} and now - self._started() < LOST_FOR:
            addresses.add(app.driver_node)
        return sorted(addresses)

    def _started(self) -> datetime:
        return _time(self._json(f"{self.url}/ws/v1/cluster/info")["clusterInfo"]["startedOn"])

    def wait_until_gone(self, app_id: str, within: timedelta) -> None:
        """Return when no NodeManager lists a container of the application.

        Raises AppNotGone when one is still there after `within`; an unreachable NodeManager is asked
        again until then, and raises ServerUnreachable at the end.
        """
        deadline = time.monotonic() + within.total_seconds()
        while True:
            try:
                left = self.containers(app_id)
                if not left:
                    return
                problem: Exception = AppNotGone(
                    f"{app_id} still has {', '.join(left)} after {within.total_seconds():.0f} s; it should have none "
                    f"before its successor starts: see {self.url}/cluster/app/{app_id}"
                )
            except ServerUnreachable as error:
                problem = error
            if time.monotonic() >= deadline:
                raise problem
            time.sleep(min(self.look_every.total_seconds(), max(0.0, deadline - time.monotonic())))

    def _json(self, url: str) -> dict[str, Any]:
        return _decoded(url, self._get(url))

    def _get(self, url: str) -> requests.Response:
        try:
            return requests.get(url, headers={"Accept": "application/json"}, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise _unreachable(url, error) from error


def _decoded(url: str, response: requests.Response) -> dict[str, Any]:
    try:
        response.raise_for_status()
        decoded = response.json()
    except (requests.RequestException, ValueError) as error:
        raise _unreachable(url, error) from error
    if not isinstance(decoded, dict):
        raise ServerUnreachable(f"{url} answered {type(decoded).__name__}; YARN answers with an object")
    return decoded


def _unreachable(url: str, error: Exception) -> ServerUnreachable:
    return ServerUnreachable(f"YARN does not answer at {url}: {error}")
