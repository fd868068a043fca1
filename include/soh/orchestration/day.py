"""Which day a nightly run is about, and the wait until it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context, task
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from soh.errors import BadInput, ServerUnreachable
from soh.hdfs import Hdfs
from soh.kafka.positions import Positions
from soh.orchestration import connections
from soh.orchestration.app_triggers import SETTLE
from soh.settings import Endpoints
from soh.specs import FLEETS, FleetSpec
from soh.specs.tables import SEOUL
from soh.streams.closing import look_at_day
from soh.streams.day import DayState, local_day

GIVE_UP_AFTER = timedelta(hours=6)
"""A day that is not closed by then is somebody's concern in the morning."""


def chosen_day(wish: str | None, interval_start: datetime | None, now: datetime) -> date:
    """The local day a run is about: the one wished for, else that of its interval, else yesterday.

    Raises BadInput for a wish that is no date, or a day that has not begun.
    """
    today = local_day(now, SEOUL)
    if not wish:
        return local_day(interval_start, SEOUL) if interval_start else today - timedelta(days=1)
    try:
        day = date.fromisoformat(wish)
    except ValueError:
        raise BadInput(f"day is {wish!r}; it must be a date such as 2026-01-31") from None
    if day > today:
        raise BadInput(f"day is {day}; in {SEOUL} it is {today}, and a day to come holds nothing")
    return day


@task(task_id="choose__day")
def choose_day(*, params: dict[str, Any], data_interval_start: datetime | None = None) -> dict[str, Any]:
    """Decide once what all tasks of the run work on."""
    day = chosen_day(params["day"], data_interval_start, datetime.now(tz=UTC))
    return {"day": day.isoformat(), "only_closed": params["only_closed"]}


class DayClosedSensor(BaseOperator):
    """Wait until the lake has every reading of a fleet's day; looks first, and defers only if it must wait.

    `only_closed` false means to go on with whatever the lake has, and to say what is missing.
    """

    template_fields = ("day", "only_closed")

    def __init__(self, *, fleet: FleetSpec, day: Any, only_closed: Any, **kwargs: Any) -> None:
        super().__init__(**{"execution_timeout": GIVE_UP_AFTER + timedelta(minutes=10), **kwargs})
        self.fleet = fleet.name
        self.day = day
        self.only_closed = only_closed

    def execute(self, context: Context) -> str:  # noqa: ARG002
        endpoints = connections.endpoints()
        state = _look(self.fleet, self.day, endpoints)
        if not state.closed and self.only_closed:
            self.log.info("%s; waiting until it is closed", state.reason)
            self.defer(
                trigger=DayClosedTrigger(
                    fleet=self.fleet,
                    day=self.day,
                    endpoints=asdict(endpoints),
                    give_up_at=(datetime.now(tz=UTC) + GIVE_UP_AFTER).isoformat(),
                ),
                method_name="resume",
            )
        if not state.closed:
            self.log.warning("%s; going on with what the lake has, as asked", state.reason)
        return state.reason

    def resume(self, context: Context, event: dict[str, Any]) -> str:  # noqa: ARG002
        """Continue when the day is closed, or fail with the name of what blocks it."""
        if not event["closed"]:
            raise AirflowFailException(f"gave up after {GIVE_UP_AFTER}: {event['reason']}")
        return str(event["reason"])


class DayClosedTrigger(BaseTrigger):
    """Looks until a fleet's day is closed; tells what blocks it whenever that changes."""

    look_every = timedelta(seconds=15)

    def __init__(self, *, fleet: str, day: str, endpoints: dict[str, Any], give_up_at: str) -> None:
        super().__init__()
        self.fleet = fleet
        self.day = day
        self.endpoints = endpoints
        self.give_up_at = give_up_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kind = type(self)
        names = ("fleet", "day", "endpoints", "give_up_at")
        return f"{kind.__module__}.{kind.__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(SETTLE.total_seconds())
        reason = ""
        while True:
            try:
                state = await asyncio.to_thread(_look, self.fleet, self.day, Endpoints(**self.endpoints))
            except ServerUnreachable as error:
                state = DayState(closed=False, blocking=(), reason=str(error))
            if state.reason != reason:
                self.log.info(state.reason)
            reason = state.reason
            if state.closed or datetime.now(tz=UTC) >= datetime.fromisoformat(self.give_up_at):
                break
            await asyncio.sleep(self.look_every.total_seconds())
        yield TriggerEvent({"closed": state.closed, "reason": reason})


def _look(fleet: str, day: str, endpoints: Endpoints) -> DayState:
    hdfs = Hdfs(endpoints.webhdfs, endpoints.hdfs_user)
    return look_at_day(FLEETS[fleet], date.fromisoformat(day), hdfs, Positions(endpoints.kafka), datetime.now(tz=UTC))
