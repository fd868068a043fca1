"""End apps on YARN and prove them gone, so that at no moment two drivers run one stream."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from soh.errors import AppNotGone
from soh.streams.launch import SECOND_LOOK, Adopt, Launch, Replace, ended_lately, plan_launch
from soh.yarn import YarnApp

GONE_WITHIN = timedelta(seconds=90)
"""From the kill until no NodeManager lists a container; 2-3 s when all is well."""

Say = Callable[[str], None]
"""Where progress is told: a log."""


class Cluster(Protocol):
    """What is asked of YARN here."""

    def apps(self, tag: str) -> list[YarnApp]: ...
    def app(self, app_id: str) -> YarnApp | None: ...
    def kill(self, app_id: str) -> None: ...
    def wait_until_gone(self, app_id: str, within: timedelta) -> None: ...


def end_app(cluster: Cluster, app_id: str, *, within: timedelta | None = None) -> None:
    """Kill an app; return when YARN calls it ended and no container of it is left.

    Raises AppNotGone or ServerUnreachable when that cannot be seen `within` (GONE_WITHIN by default).
    """
    within = within or GONE_WITHIN
    deadline = time.monotonic() + within.total_seconds()
    cluster.kill(app_id)
    while (app := cluster.app(app_id)) is not None and app.alive:
        if time.monotonic() >= deadline:
            raise AppNotGone(f"{app_id} is still {app.state} {within.total_seconds():.0f} s after it was killed")
        time.sleep(0.5)
    cluster.wait_until_gone(app_id, timedelta(seconds=max(1.0, deadline - time.monotonic())))


def end_all(cluster: Cluster, tag: str, say: Say) -> list[str]:
    """End every living app with the tag and prove those that ended lately gone; the ids that were alive."""
    apps = cluster.apps(tag)
    alive = [app.id for app in apps if app.alive]
    for app_id in alive:
        say(f"killing {app_id}")
        end_app(cluster, app_id)
        say(f"{app_id} is gone: no NodeManager lists a container of it")
    for app_id in ended_lately(apps, datetime.now(tz=UTC)):
        cluster.wait_until_gone(app_id, GONE_WITHIN)
    return alive


def clear_the_way(
    cluster: Cluster, work: str, run_tag: str, say: Say, *, sleep: Callable[[float], None] = time.sleep
) -> str | None:
    """Make sure that no driver with tag `work` runs, or find the one that this run already has.

    Returns the id of the app to adopt, or None when a driver may be started. An app of this run is
    adopted only if it still runs at a second look 10 s later: a clear kills the old driver and starts
    the new try at the same moment.
    """
    seen: str | None = None
    while True:
        apps = cluster.apps(work)
        match plan_launch(apps, run_tag):
            case Adopt(app_id) if app_id == seen:
                say(f"adopting {app_id}: this run started it and it still runs")
                return app_id
            case Adopt(app_id):
                say(f"{app_id} of this run is alive; looking again in {SECOND_LOOK.total_seconds():.0f} s")
                seen = app_id
                sleep(SECOND_LOOK.total_seconds())
            case Replace(app_ids):
                for app_id in app_ids:
                    say(f"{app_id} belongs to another run: killing it")
                    end_app(cluster, app_id)
            case Launch():
                for app_id in ended_lately(apps, datetime.now(tz=UTC)):
                    cluster.wait_until_gone(app_id, GONE_WITHIN)
                return None
