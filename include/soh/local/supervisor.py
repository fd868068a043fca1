"""supervisord, which keeps the services running: its configuration, and talking to it."""

from __future__ import annotations

import subprocess
import time
import xmlrpc.client
from collections.abc import Callable, Iterable
from configparser import RawConfigParser
from datetime import timedelta
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from supervisor.xmlrpc import Faults, SupervisorTransport

from soh.errors import SetupFailed
from soh.local.environments import AIRFLOW_PYTHON
from soh.local.home import Home
from soh.local.processes import MARK
from soh.local.services import Service
from soh.settings import child_environment

T = TypeVar("T")


class ServiceState(StrEnum):
    """State of a service as a person needs it."""

    RUNNING = "running"
    STARTING = "starting"
    STOPPED = "stopped"
    FAILED = "failed"


_STATES = {
    "RUNNING": ServiceState.RUNNING,
    "STARTING": ServiceState.STARTING,
    "BACKOFF": ServiceState.STARTING,
    "STOPPING": ServiceState.RUNNING,
    "STOPPED": ServiceState.STOPPED,
    # Every service is started again when it ends by itself.
    "EXITED": ServiceState.STARTING,
    "FATAL": ServiceState.FAILED,
    "UNKNOWN": ServiceState.FAILED,
}
_RUNNING = (ServiceState.RUNNING, ServiceState.STARTING)


def write_config(home: Home, services: Iterable[Service]) -> Path:
    """Render `supervisord.conf` for the services; none of them starts by itself."""
    parser = RawConfigParser()
    parser.read_dict(
        {
            "unix_http_server": {"file": home.supervisor_socket, "chmod": "0600"},
            "supervisord": {
                "logfile": home.logs / "supervisord.log",
                "pidfile": home.path / "supervisord.pid",
                "childlogdir": home.logs,
                "minfds": 4096,
                "loglevel": "info",
                "nocleanup": "true",
            },
            "rpcinterface:supervisor": {
                "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
            },
        }
    )
    for service in services:
        environment = {MARK: str(home.path), **service.environment}
        program: dict[str, Any] = {
            "command": " ".join(_quoted(word) for word in service.command),
            "environment": ",".join(f"{name}={_quoted(value)}" for name, value in environment.items()),
            "directory": service.directory or home.data,
            "autostart": "false",
            "autorestart": "true",
            "startsecs": 3,
            "startretries": 1000,
            "stopsignal": service.stop_signal,
            "stopwaitsecs": int(service.stop_within.total_seconds()),
            "stopasgroup": "false" if service.stop_signal != "TERM" else "true",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": log_file(home, service.name),
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": 2,
        }
        if service.user and service.user != home.server_user:
            program["user"] = service.user
        parser.read_dict({f"program:{service.name}": program})
    text = StringIO()
    parser.write(text)
    return home.write_private("supervisord.conf", text.getvalue())


def log_file(home: Home, service: str) -> Path:
    """Where a service's output goes, errors included."""
    return home.logs / f"{service}.log"


def _quoted(word: str) -> str:
    """One word for supervisord's own syntax, where % begins an expansion."""
    escaped = word.replace("%", "%%").replace('"', '\\"')
    return f'"{escaped}"'


class Supervisor:
    """The running supervisord of one copy."""

    def __init__(self, home: Home) -> None:
        self.home = home

    @property
    def _rpc(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.home.supervisor_socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def is_up(self) -> bool:
        try:
            self._rpc.getState()
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def ensure(self, config: Path) -> None:
        """Start supervisord, or let the running one take over a changed configuration."""
        if self.is_up():
            self._reload()
            return
        self.home.supervisor_socket.unlink(missing_ok=True)
        started = subprocess.run(
            [AIRFLOW_PYTHON.parent / "supervisord", "-c", config],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=child_environment(**{MARK: str(self.home.path)}),
            cwd=self.home.path,
        )
        if started.returncode:
            raise SetupFailed(f"supervisord did not start: {started.stderr.strip()}")
        wait_for(self.is_up, timedelta(seconds=20), f"supervisord; see {self.home.logs / 'supervisord.log'}")

    def _reload(self) -> None:
        added, changed, removed = self._rpc.reloadConfig()[0]
        for name in (*removed, *changed):
            self._rpc.stopProcessGroup(name)
            self._rpc.removeProcessGroup(name)
        for name in (*added, *changed):
            self._rpc.addProcessGroup(name)

    def states(self) -> dict[str, ServiceState]:
        """State by service; empty when supervisord does not run."""
        try:
            return {process["name"]: _STATES[process["statename"]] for process in self._rpc.getAllProcessInfo()}
        except (OSError, xmlrpc.client.Error):
            return {}

    def pid(self, service: str) -> int:
        """Process id of a service, 0 when it does not run."""
        return int(self._rpc.getProcessInfo(service)["pid"])

    def start(self, services: Iterable[Service]) -> list[Service]:
        """Start those of the services that do not run; returns them."""
        states = self.states()
        missing = [s for s in services if states.get(s.name) not in _RUNNING]
        for service in missing:
            # Do not wait for `startsecs`: readiness is asked of the service itself.
            self._rpc.startProcess(service.name, False)
        return missing

    def stop(self, services: Iterable[str]) -> None:
        """Ask the services to end, all at once, and wait until they have; the stubborn are killed."""
        chosen = frozenset(services)

        def ended() -> bool:
            running = [name for name, state in self.states().items() if name in chosen and state in _RUNNING]
            for name in running:
                self._tell_to_end(name)
            return not running

        wait_for(ended, timedelta(seconds=60), f"{', '.join(sorted(chosen))} to stop")

    def _tell_to_end(self, service: str) -> None:
        try:
            self._rpc.stopProcess(service, False)
        except xmlrpc.client.Fault as fault:
            # It is ending already; or it ended by itself a moment ago, and is told again once it is back.
            if fault.faultCode != Faults.NOT_RUNNING:
                raise

    def shutdown(self) -> None:
        self._rpc.shutdown()


def wait_until_ready(home: Home, services: Iterable[Service], within: timedelta, say: Callable[[str], None]) -> None:
    """Wait until every service has shown that it is ready.

    Raises SetupFailed naming those that did not, with the end of their logs.
    """
    waiting = {service.name: service for service in services}
    deadline = time.monotonic() + within.total_seconds()
    while waiting:
        waiting = {name: service for name, service in waiting.items() if not service.ready()}
        if not waiting:
            break
        say(f"waiting for {', '.join(waiting)}")
        if time.monotonic() > deadline:
            tails = "\n".join(f"  {name}: {_tail(log_file(home, name))}" for name in waiting)
            raise SetupFailed(f"not ready within {within}: {', '.join(waiting)}. Ends of their logs:\n{tails}")
        time.sleep(0.3)


def _tail(path: Path, lines: int = 5) -> str:
    if not path.exists():
        return f"(no log at {path})"
    return "\n    ".join(["", *path.read_text(errors="replace").splitlines()[-lines:]])


def wait_for(
    condition: Callable[[], T], within: timedelta, what: str, every: timedelta = timedelta(milliseconds=300)
) -> T:
    """Poll until the condition holds, with a rest of `every` between, and return what it said.

    Raises SetupFailed naming what was waited for.
    """
    deadline = time.monotonic() + within.total_seconds()
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise SetupFailed(f"waited {within} for {what}")
        time.sleep(every.total_seconds())
    return answer
