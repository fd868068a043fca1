"""A small ResourceManager with its NodeManagers behind real HTTP on 127.0.0.1, and files on HDFS to read and delete."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

NOW = datetime.now(tz=UTC)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


class FakeYarn:
    """Answers like YARN 3.4 for the few questions that are asked; tests change its fields meanwhile."""

    def __init__(self) -> None:
        self.apps: dict[str, dict] = {}
        self.containers: dict[str, str] = {}
        """State by container id."""
        self.node_states = {"a:1": "RUNNING"}
        self.node_heard = {"a:1": NOW}
        self.dies_after = 0
        """How many listings a killed app's containers survive."""
        self.down = False
        self.nodes_down = False
        self.started = NOW - timedelta(hours=1)
        self.files: dict[str, str] = {}
        """JSON by path on HDFS."""
        self.killed: list[str] = []
        self.requests: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(*server.get(self.path))

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(*server.put(self.path))

            def do_DELETE(self) -> None:
                path = urlsplit(self.path).path.removeprefix("/webhdfs/v1")
                self.answer(200, {"boolean": server.files.pop(path, None) is not None})

            def do_POST(self) -> None:
                """A fake spark-submit tells the tags of its app."""
                tags = self.rfile.read(int(self.headers["Content-Length"])).decode()
                app_id = f"application_1700000000000_{len(server.apps) + 1:04d}"
                server.add(app_id, "ACCEPTED", *tags.split(","))
                self.answer(200, {"id": app_id})

            def answer(self, status: int, body: dict) -> None:
                payload = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *arguments) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.address}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(
        self,
        app_id: str,
        state: str = "RUNNING",
        *tags: str,
        final: str | None = None,
        started: datetime = NOW,
        finished: datetime | None = None,
        diagnostics: str = "",
        containers: int = 1,
        driver_node: str = "",
    ) -> None:
        """An application, with `containers` running ones while it lives."""
        ended = state in {"FINISHED", "FAILED", "KILLED"}
        number = app_id.removeprefix("application_")
        self.apps[app_id] = {
            "id": app_id,
            "name": "soh test",
            "state": state,
            "finalStatus": final or (state if state in {"FAILED", "KILLED"} else "UNDEFINED"),
            "applicationTags": ",".join(tags),
            "startedTime": milliseconds(started),
            "finishedTime": milliseconds(finished or NOW) if ended else 0,
            "diagnostics": diagnostics,
            "amContainerLogs": f"{self.url}/logs/{number}",
            "amHostHttpAddress": driver_node,
        }
        if not ended:
            for index in range(containers):
                self.containers[f"container_e01_{number}_01_{index + 1:06d}"] = "RUNNING"

    def end(self, app_id: str, state: str, final: str, diagnostics: str = "") -> None:
        """The app ends by itself, with everything it had."""
        self.apps[app_id] |= {
            "state": state,
            "finalStatus": final,
            "diagnostics": diagnostics,
            "finishedTime": milliseconds(datetime.now(tz=UTC)),
        }
        self._drop_containers(app_id)

    def _drop_containers(self, app_id: str) -> None:
        number = app_id.removeprefix("application_")
        self.containers = {name: state for name, state in self.containers.items() if f"_{number}_" not in name}

    def get(self, path: str) -> tuple[int, dict]:
        self.requests.append(path)
        url = urlsplit(path)
        if url.path.startswith("/webhdfs/v1/"):
            return self._file(url.path.removeprefix("/webhdfs/v1"))
        if url.path == "/ws/v1/node/containers":
            return (503, {}) if self.nodes_down else (200, self._containers())
        if self.down:
            return 503, {}
        match url.path.removeprefix("/ws/v1/cluster/").split("/"):
            case ["info"]:
                return 200, {"clusterInfo": {"startedOn": milliseconds(self.started)}}
            case ["nodes"]:
                return 200, {"nodes": {"node": self._nodes()}}
            case ["apps"]:
                (tag,) = parse_qs(url.query)["applicationTags"]
                found = [app for app in self.apps.values() if tag in app["applicationTags"].split(",")]
                return 200, {"apps": {"app": found} if found else None}
            case ["apps", app_id]:
                return (200, {"app": self.apps[app_id]}) if app_id in self.apps else (404, {})
        return 404, {}

    def _file(self, path: str) -> tuple[int, dict]:
        if path in self.files:
            return 200, json.loads(self.files[path])
        return 404, {"RemoteException": {"exception": "FileNotFoundException", "message": path}}

    def put(self, path: str) -> tuple[int, dict]:
        if self.down:
            return 503, {}
        app_id = path.split("/")[-2]
        self.killed.append(app_id)
        if app_id not in self.apps:
            return 404, {}
        if self.apps[app_id]["state"] not in {"FINISHED", "FAILED", "KILLED"}:
            self.apps[app_id] |= {
                "state": "KILLED",
                "finalStatus": "KILLED",
                "finishedTime": milliseconds(datetime.now(tz=UTC)),
            }
        return 202, {"state": "KILLED"}

    def _nodes(self) -> list[dict]:
        return [
            {
                "id": node,
                "state": state,
                "nodeHTTPAddress": self.address,
                "lastHealthUpdate": milliseconds(self.node_heard[node]),
            }
            for node, state in self.node_states.items()
        ]

    def _containers(self) -> dict:
        listed = [{"id": name, "state": state} for name, state in self.containers.items()]
        if self.dies_after:
            self.dies_after -= 1
        else:
            for app_id, app in list(self.apps.items()):
                if app["state"] == "KILLED":
                    self._drop_containers(app_id)
            listed = [{"id": name, "state": state} for name, state in self.containers.items()]
        return {"containers": {"container": listed} if listed else None}
