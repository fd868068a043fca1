"""Airflow's REST API, against a small server that answers like it."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from soh.airflow_api import AirflowApi, RunState, TaskInstance
from soh.errors import BadInput, ServerUnreachable

RUN_ID = "manual__2026-01-01T00:00:00+00:00"
QUOTED = "manual__2026-01-01T00%3A00%3A00%2B00%3A00"
RUN = {"dag_id": "x", "dag_run_id": RUN_ID, "state": "running", "start_date": "2026-01-01T00:00:00Z", "end_date": None}


class ApiServer(ThreadingHTTPServer):
    """Answers from a table of requests, and notes what it was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers = {}
        self.asked = []
        self.password = "right"
        self.tokens = 0
        self.valid = set()


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, answer = self._answer(f"{self.command} {self.path}", json.loads(body) if body else None)
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _answer(self, request, body):
        if request == "POST /auth/token":
            if body["password"] != self.server.password:
                return 401, {"detail": "Invalid credentials"}
            self.server.tokens += 1
            self.server.valid = {f"Bearer {self.server.tokens}"}
            return 201, {"access_token": str(self.server.tokens)}
        if self.headers["Authorization"] not in self.server.valid:
            return 401, {"detail": "Invalid JWT token"}
        self.server.asked.append((request, body))
        found = self.server.answers.get(request, (404, {"detail": "not found"}))
        return found.pop(0) if isinstance(found, list) else found

    def do_GET(self):
        self._serve()

    def do_POST(self):
        self._serve()

    def do_PATCH(self):
        self._serve()

    def do_PUT(self):
        self._serve()

    def do_DELETE(self):
        self._serve()

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def server():
    server = ApiServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def api(server):
    return AirflowApi(server.url, "admin", "right")


def test_one_token_serves_many_requests(server, api):
    server.answers["GET /api/v2/dags/x"] = (200, {"is_paused": True})
    assert [api.is_paused("x"), api.is_paused("x")] == [True, True]
    assert server.tokens == 1


def test_a_token_that_is_not_taken_any_more_is_renewed(server, api):
    server.answers["GET /api/v2/dags/x"] = (200, {"is_paused": False})
    api.is_paused("x")
    server.valid.clear()
    assert api.is_paused("x") is False
    assert server.tokens == 2


def test_a_wrong_password_is_said_with_the_user_and_without_the_password(server):
    with pytest.raises(BadInput, match="admin") as error:
        AirflowApi(server.url, "admin", "wrong-one").health()
    assert "wrong-one" not in str(error.value)


def test_what_it_refuses_is_told_in_its_words(api):
    with pytest.raises(BadInput, match=r"404.*not found"):
        api.is_paused("nowhere")


def test_its_own_failure_and_silence_are_unreachable(server, api):
    server.answers["GET /api/v2/dags/x"] = (500, {})
    with pytest.raises(ServerUnreachable, match=server.url):
        api.is_paused("x")
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1"):
        AirflowApi("http://127.0.0.1:1", "admin", "right").health()


def test_pausing_and_marking_say_what_is_wanted(server, api):
    server.answers |= {
        "PATCH /api/v2/dags/x": (200, {}),
        f"PATCH /api/v2/dags/x/dagRuns/{QUOTED}": (200, {}),
    }
    api.pause("x")
    api.unpause("x")
    api.mark("x", RUN_ID, RunState.FAILED)
    assert [body for _, body in server.asked] == [{"is_paused": True}, {"is_paused": False}, {"state": "failed"}]


def test_a_clear_begins_all_tasks_of_a_run_anew(server, api):
    server.answers["POST /api/v2/dags/x/clearTaskInstances"] = (200, {"task_instances": []})
    api.clear("x", RUN_ID)
    assert server.asked[-1][1] == {"dag_run_id": RUN_ID, "dry_run": False, "only_failed": False}


@pytest.mark.parametrize("status", [201, 409], ids=["asked", "asked-already"])
def test_a_dag_file_is_read_again_by_its_token(server, api, status):
    server.answers |= {
        "GET /api/v2/dags/x": (200, {"file_token": "a/b"}),
        "PUT /api/v2/parseDagFile/a%2Fb": (status, None),
    }
    api.reparse("x")
    assert server.asked[-1][0] == "PUT /api/v2/parseDagFile/a%2Fb"


def test_a_dag_file_that_cannot_be_read_again_is_an_error(server, api):
    server.answers["GET /api/v2/dags/x"] = (200, {"file_token": "gone"})
    with pytest.raises(BadInput, match="parseDagFile"):
        api.reparse("x")


@pytest.mark.parametrize("status", [204, 404], ids=["some-waited", "none-waited"])
def test_events_that_wait_to_start_a_run_are_forgotten(server, api, status):
    server.answers["DELETE /api/v2/dags/x/assets/queuedEvents"] = (status, {})
    api.forget_events("x")
    assert [request for request, _ in server.asked] == ["DELETE /api/v2/dags/x/assets/queuedEvents"]


def test_events_that_may_not_be_forgotten_are_an_error(server, api):
    server.answers["DELETE /api/v2/dags/x/assets/queuedEvents"] = (403, {"detail": "Forbidden"})
    with pytest.raises(BadInput, match=r"queuedEvents.*403"):
        api.forget_events("x")


def test_a_run_by_hand_has_no_logical_date(server, api):
    server.answers["POST /api/v2/dags/x/dagRuns"] = (200, RUN)
    assert api.trigger("x", {"day": "2026-01-01"}) == RUN_ID
    assert server.asked[-1][1] == {"logical_date": None, "conf": {"day": "2026-01-01"}}


def test_runs_are_asked_for_by_state_latest_first(server, api):
    path = "GET /api/v2/dags/x/dagRuns?limit=100&order_by=-id&state=queued&state=running"
    server.answers[path] = (200, {"dag_runs": [RUN]})
    (run,) = api.runs("x", RunState.QUEUED, RunState.RUNNING)
    assert (run.run_id, run.state, run.ended) == (RUN_ID, RunState.RUNNING, None)


def test_wait_returns_the_run_when_it_has_ended_or_time_is_up(server, api):
    path = f"GET /api/v2/dags/x/dagRuns/{QUOTED}"
    server.answers[path] = [(200, RUN), (200, RUN | {"state": "success"})]
    assert api.wait("x", RUN_ID, timedelta(seconds=10)).state is RunState.SUCCESS
    server.answers[path] = (200, RUN)
    assert api.wait("x", RUN_ID, timedelta()).state is RunState.RUNNING


def test_tasks_results_errors_and_health_are_read(server, api):
    run = f"GET /api/v2/dags/x/dagRuns/{QUOTED}/taskInstances"
    server.answers |= {
        f"{run}?limit=1000": (200, {"task_instances": [{"task_id": "t", "state": None, "try_number": 0}]}),
        f"{run}/t/xcomEntries/return_value?stringify=false": (200, {"value": {"rows": 1}}),
        "GET /api/v2/importErrors?limit=1000": (200, {"import_errors": [{"filename": "a.py", "stack_trace": "E"}]}),
        "GET /api/v2/monitor/health": (200, {"scheduler": {"status": "healthy"}, "triggerer": {"status": None}}),
    }
    assert api.task_instances("x", RUN_ID) == [TaskInstance(task_id="t", state=None, try_number=0)]
    assert api.xcom("x", RUN_ID, "t") == {"rows": 1}
    assert api.import_errors() == {"a.py": "E"}
    assert api.health() == {"scheduler": "healthy", "triggerer": "None"}
