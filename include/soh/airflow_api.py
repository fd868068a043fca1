"""Airflow's REST API: the few questions and orders that the platform has for its own api-server."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import requests

from soh.errors import BadInput, ServerUnreachable

TIMEOUT = (3.0, 15.0)
"""Seconds to connect, and to wait for an answer."""


class RunState(StrEnum):
    """States of a Dag run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in {RunState.SUCCESS, RunState.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRun:
    """One run of a Dag."""

    dag_id: str
    run_id: str
    state: RunState
    started: datetime | None
    ended: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInstance:
    """One task of a run."""

    task_id: str
    state: str | None
    """None before the scheduler has looked at it."""
    try_number: int


class AirflowApi:
    """The api-server at `url` (`http://host:port`), as one of its users.

    Every method raises ServerUnreachable when it does not answer, BadInput for what it refuses.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        self._user = user
        self._password = password
        self._token: str | None = None

    def health(self) -> dict[str, str]:
        """Status of each part of Airflow by name: `healthy`, or what it says instead."""
        answer = self._call("GET", "/api/v2/monitor/health")
        return {part: str(about.get("status")) for part, about in answer.items()}

    def dags(self) -> dict[str, bool]:
        """Every Dag that Airflow has read, and whether it is paused."""
        return {raw["dag_id"]: bool(raw["is_paused"]) for raw in self._call("GET", "/api/v2/dags?limit=1000")["dags"]}

    def is_paused(self, dag_id: str) -> bool:
        return bool(self._call("GET", f"/api/v2/dags/{_quoted(dag_id)}")["is_paused"])

    def pause(self, dag_id: str) -> None:
        """Start no new task of the Dag; running and deferred ones go on."""
        self._set_paused(dag_id, paused=True)

    def unpause(self, dag_id: str) -> None:
        self._set_paused(dag_id, paused=False)

    def _set_paused(self, dag_id: str, *, paused: bool) -> None:
        self._call("PATCH", f"/api/v2/dags/{_quoted(dag_id)}", {"is_paused": paused})

    def runs(self, dag_id: str, *states: RunState, limit: int = 100) -> list[DagRun]:
        """Latest runs first; of all states when none is given."""
        query = "&".join([f"limit={limit}", "order_by=-id", *(f"state={state}" for state in states)])
        answer = self._call("GET", f"/api/v2/dags/{_quoted(dag_id)}/dagRuns?{query}")
        return [_run(raw) for raw in answer["dag_runs"]]

    def run(self, dag_id: str, run_id: str) -> DagRun:
        return _run(self._call("GET", _run_path(dag_id, run_id)))

    def mark(self, dag_id: str, run_id: str, state: RunState) -> None:
        """Set the state of a run; its unfinished tasks are ended with it."""
        self._call("PATCH", _run_path(dag_id, run_id), {"state": state.value})

    def clear(self, dag_id: str, run_id: str) -> None:
        """Begin all tasks of a run anew; what they run outside is told to stop."""
        body = {"dag_run_id": run_id, "dry_run": False, "only_failed": False}
        self._call("POST", f"/api/v2/dags/{_quoted(dag_id)}/clearTaskInstances", body)

    def reparse(self, dag_id: str) -> None:
        """Have the Dag's file read within seconds.

        The scheduler does not see that a run was ended through this API, and starts no next one, until
        the Dag's file is read again, which otherwise may take minutes.
        """
        token = self._call("GET", f"/api/v2/dags/{_quoted(dag_id)}")["file_token"]
        path = f"/api/v2/parseDagFile/{_quoted(token)}"
        response = self._authorized("PUT", path, None)
        # A conflict is a request that waits already.
        if response.status_code != requests.codes.conflict and not response.ok:
            raise _refused(response, f"PUT {self.url}{path}")

    def forget_events(self, dag_id: str) -> None:
        """Forget the asset events that wait to start a run of the Dag."""
        path = f"/api/v2/dags/{_quoted(dag_id)}/assets/queuedEvents"
        response = self._authorized("DELETE", path, None)
        # That none waits is said in the words of a Dag that does not exist.
        if response.status_code != requests.codes.not_found and not response.ok:
            raise _refused(response, f"DELETE {self.url}{path}")

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None, *, run_id: str | None = None) -> str:
        """Start a run by hand; its id, which Airflow makes up when none is given."""
        body: dict[str, Any] = {"logical_date": None, "conf": conf or {}}
        if run_id is not None:
            body["dag_run_id"] = run_id
        return str(self._call("POST", f"/api/v2/dags/{_quoted(dag_id)}/dagRuns", body)["dag_run_id"])

    def wait(self, dag_id: str, run_id: str, within: timedelta) -> DagRun:
        """Return the run when it has ended; as it is when that takes longer than `within`."""
        deadline = time.monotonic() + within.total_seconds()
        while not (run := self.run(dag_id, run_id)).state.ended and time.monotonic() < deadline:
            time.sleep(1)
        return run

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        answer = self._call("GET", f"{_run_path(dag_id, run_id)}/taskInstances?limit=1000")
        return [
            TaskInstance(task_id=raw["task_id"], state=raw["state"], try_number=raw["try_number"])
            for raw in answer["task_instances"]
        ]

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """A value that a task has left, its result by default."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{_quoted(task_id)}/xcomEntries/{_quoted(key)}"
        return self._call("GET", f"{path}?stringify=false")["value"]

    def import_errors(self) -> dict[str, str]:
        """Stack trace by file, for every Dag file that does not load."""
        answer = self._call("GET", "/api/v2/importErrors?limit=1000")
        return {raw["filename"]: raw["stack_trace"] for raw in answer["import_errors"]}

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return _decoded(self._authorized(method, path, body), f"{method} {self.url}{path}")

    def _authorized(self, method: str, path: str, body: dict[str, Any] | None) -> requests.Response:
        response = self._send(method, path, body)
        if response.status_code == requests.codes.unauthorized:
            # A token ends after a day, and with a restart of the api-server that has another secret.
            self._token = None
            response = self._send(method, path, body)
        return response

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> requests.Response:
        if self._token is None:
            login = {"username": self._user, "password": self._password}
            response = self._request("POST", "/auth/token", login, {})
            if response.status_code == requests.codes.unauthorized:
                raise BadInput(
                    f"Airflow at {self.url} does not take user {self._user} with the password given: "
                    "see the connection airflow_api and the passwords file in SOH_HOME"
                )
            self._token = str(_decoded(response, f"POST {self.url}/auth/token")["access_token"])
        return self._request(method, path, body, {"Authorization": f"Bearer {self._token}"})

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> requests.Response:
        try:
            return requests.request(method, f"{self.url}{path}", json=body, headers=headers, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise ServerUnreachable(f"Airflow does not answer at {self.url}: {error}") from error


def _run(raw: dict[str, Any]) -> DagRun:
    return DagRun(
        dag_id=raw["dag_id"],
        run_id=raw["dag_run_id"],
        state=RunState(raw["state"]),
        started=_time(raw.get("start_date")),
        ended=_time(raw.get("end_date")),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{_quoted(dag_id)}/dagRuns/{_quoted(run_id)}"


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _decoded(response: requests.Response, request: str) -> dict[str, Any]:
    if not response.ok:
        raise _refused(response, request)
    try:
        decoded = response.json()
    except ValueError as error:
        raise ServerUnreachable(f"Airflow failed on {request}: {error}") from error
    if not isinstance(decoded, dict):
        raise ServerUnreachable(f"{request} answered {type(decoded).__name__}, not an object: is that Airflow?")
    return decoded


def _refused(response: requests.Response, request: str) -> BadInput | ServerUnreachable:
    kind = BadInput if response.status_code // 100 == 4 else ServerUnreachable
    return kind(f"Airflow refused {request}: {response.status_code} {response.text[:500]}")
