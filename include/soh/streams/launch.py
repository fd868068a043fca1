"""Whether to launch, adopt or replace an app on YARN, and how long to hold back: decisions only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from soh.specs.streams import StreamAppSpec
from soh.yarn import AppState, YarnApp

SECOND_LOOK = timedelta(seconds=10)
"""An app of the same run may be dying of the very clear that started this try: look again after this long."""

RECENT = timedelta(minutes=30)
"""Containers are asked for of apps that ended no longer ago than this."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Nothing runs: start a driver."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """This run's own driver lives: watch it again instead of starting a second one."""

    app_id: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Drivers of other runs live: kill them, prove them gone, plan again."""

    app_ids: tuple[str, ...]


Plan = Launch | Adopt | Replace


def run_tag(dag_id: str, run_id: str, task_id: str = "") -> str:
    """The YARN tag of one Dag run; with `task_id`, of one task in it.

    A hash, because run ids hold characters and lengths that tags may not.
    """
    return f"soh_run_{_digest(dag_id, run_id, task_id)}"


def work_tag(dag_id: str, task_id: str) -> str:
    """The YARN tag that a batch task's app carries in every run, so that a later run finds an orphan."""
    return f"soh_work_{_digest(dag_id, task_id)}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(part for part in parts if part).encode()).hexdigest()[:16]


def plan_launch(apps: Sequence[YarnApp], run_tag: str) -> Plan:
    """What to do about `apps`, all those of one stream app or batch task that YARN remembers.

    Two living drivers of this run are one too many: nobody knows which of them writes, so both go.
    """
    alive = [app for app in apps if app.alive]
    own = [app for app in alive if run_tag in app.tags]
    if len(own) == 1 and len(alive) == 1:
        return Adopt(own[0].id)
    if len(own) == 1:
        return Replace(tuple(app.id for app in alive if app is not own[0]))
    if alive:
        return Replace(tuple(app.id for app in alive))
    return Launch()


def ended_lately(apps: Sequence[YarnApp], now: datetime) -> list[str]:
    """Apps whose containers may outlive them: to be proven gone before a launch."""
    return [app.id for app in apps if not app.alive and (app.finished or now) > now - RECENT]


def backoff(apps: Sequence[YarnApp], now: datetime, spec: StreamAppSpec) -> timedelta:
    """How long to wait before the next launch, counted from now; zero when there is no reason to wait.

    Each lifetime in a row that was shorter than `spec.stable_after` doubles the wait, from
    `first_backoff` up to `longest_backoff`. A stable lifetime forgives those before it. An app that
    was killed on purpose says nothing about the app and is passed over.
    """
    ended = sorted((app for app in apps if not app.alive), key=lambda app: app.finished or now, reverse=True)
    failures = 0
    for app in ended:
        if (app.finished or now) - app.started >= spec.stable_after:
            break
        if app.state is not AppState.KILLED:
            failures += 1
    if not failures:
        return timedelta()
    # Capped before the multiplication: after a night of failures the product is longer than a timedelta can say.
    doublings = min(failures - 1, 16)
    wait = min(spec.first_backoff * (1 << doublings), spec.longest_backoff)
    last = next(app.finished or now for app in ended if app.state is not AppState.KILLED)
    return max(timedelta(), last + wait - now)
