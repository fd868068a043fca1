"""The platform's servers as the page reaches them, addressed by Airflow's connections."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import timedelta

from soh.classifier.registry import Registry
from soh.hdfs import Hdfs
from soh.kafka.positions import Positions
from soh.orchestration import connections
from soh.serving.tsdb import Tsdb
from soh.settings import Endpoints
from soh.yarn import ResourceManager

_READ_AGAIN_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """A client of every server that the page asks."""

    hdfs: Hdfs
    positions: Positions
    yarn: ResourceManager
    registry: Registry
    tsdb: Tsdb


class Servers:
    """Keeps the clients, and makes new ones when a connection was edited.

    The api-server has no task's way to connections, and reads them from its database. Raises
    AirflowNotFoundException for a connection that does not exist, BadInput for one that lacks a part.
    """

    def __init__(self, read: connections.Reader = connections.in_api_server) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._known: tuple[Endpoints, str, tuple[str, str]] | None = None
        self._clients: Clients | None = None
        self._read_at = -float("inf")

    def clients(self) -> Clients:
        """Blocks on Airflow's database once a minute."""
        with self._lock:
            fresh = time.monotonic() - self._read_at < _READ_AGAIN_AFTER.total_seconds()
            if self._clients and fresh:
                return self._clients
            known = (
                connections.endpoints(self._read),
                connections.registry_password(self._read),
                connections.tsdb_login(self._read),
            )
            if self._clients is None or known != self._known:
                self._clients = _clients(*known)
                self._known = known
            self._read_at = time.monotonic()
            return self._clients


def _clients(endpoints: Endpoints, registry_password: str, tsdb_login: tuple[str, str]) -> Clients:
    return Clients(
        hdfs=Hdfs(endpoints.webhdfs, endpoints.hdfs_user),
        positions=Positions(endpoints.kafka),
        yarn=ResourceManager(endpoints.yarn),
        registry=Registry(**endpoints.registry, password=registry_password),
        tsdb=Tsdb(endpoints.tsdb, endpoints.tsdb_database, *tsdb_login),
    )
