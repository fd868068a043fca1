"""The state of the whole platform in one object, asked of the servers themselves, without Airflow or Spark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from soh.errors import SohError
from soh.hdfs import Hdfs
from soh.kafka.positions import Positions
from soh.lake.catalog import table_figures
from soh.settings import Endpoints
from soh.specs import STREAM_APPS, STREAMS, TABLES, TOPICS, StreamAppSpec, StreamSpec
from soh.streams import checkpoint
from soh.streams.checkpoint import Checkpoint
from soh.yarn import ResourceManager, YarnApp

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What `./soh status` shows; each list has one plain dict an entry, ready for JSON."""

    services: dict[str, str]
    """Name -> running, starting, stopped or failed."""
    streams: list[dict[str, Any]]
    topics: list[dict[str, Any]]
    tables: list[dict[str, Any]]
    models: list[dict[str, Any]]
    unanswered: list[str]
    """A sentence for each server that did not answer; what it would have said is missing above."""

    def as_json(self) -> dict[str, Any]:
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "services": self.services,
            "streams": self.streams,
            "topics": self.topics,
            "tables": self.tables,
            "models": self.models,
            "unanswered": self.unanswered,
        }


def status(endpoints: Endpoints, services: Mapping[str, str], catalog_password: str) -> Status:
    """Ask every server at once; one that is down leaves its part empty and is named in `unanswered`."""
    unanswered: list[str] = []

    def ask(question: Callable[[], T], otherwise: T) -> T:
        try:
            return question()
        except SohError as error:
            unanswered.append(str(error))
            return otherwise

    positions = Positions(endpoints.kafka)
    hdfs = Hdfs(endpoints.webhdfs, endpoints.hdfs_user)
    yarn = ResourceManager(endpoints.yarn)
    with ThreadPoolExecutor(max_workers=16) as pool:
        ends = {name: pool.submit(ask, lambda name=name: positions.ends(name), {}) for name in TOPICS}
        apps = {
            name: pool.submit(ask, lambda app=app: _newest(yarn.apps(app.yarn_tag)), None)
            for name, app in STREAM_APPS.items()
        }
        checkpoints = {
            name: pool.submit(
                ask,
                lambda stream=stream: checkpoint.read(hdfs, endpoints.checkpoint(stream.name)),
                None,
            )
            for name, stream in STREAMS.items()
        }
        tables = pool.submit(ask, lambda: table_figures(endpoints, catalog_password, hdfs, list(TABLES)), [])
        return Status(
            services=dict(services),
            streams=[
                _stream(
                    app,
                    stream,
                    apps[app.name].result(),
                    ends[stream.reads.name].result(),
                    checkpoints[stream.name].result(),
                )
                for app in STREAM_APPS.values()
                for stream in app.streams
            ],
            topics=[
                {
                    "name": name,
                    "partitions": len(future.result()),
                    "end_offsets_total": sum(future.result().values()),
                }
                for name, future in ends.items()
            ],
            tables=[
                {"name": table.name, "rows": table.rows, "files": table.files, "bytes": table.bytes}
                for table in tables.result()
            ],
            # Nothing is trained yet; the key is there so that readers of this object need not change.
            models=[],
            unanswered=sorted(set(unanswered)),
        )


def _newest(apps: list[YarnApp]) -> YarnApp | None:
    return max(apps, key=lambda app: (app.alive, app.started), default=None)


def _stream(
    app: StreamAppSpec,
    stream: StreamSpec,
    yarn_app: YarnApp | None,
    ends: Mapping[int, int],
    found: Checkpoint | None,
) -> dict[str, Any]:
    """One stream; what the checkpoint or the brokers did not answer is None."""
    read = found.positions.get(stream.reads.name, {}) if found else {}
    lag = sum(max(0, end - read.get(partition, 0)) for partition, end in ends.items())
    return {
        "name": stream.name,
        "app": app.name,
        "dag_id": app.dag_id,
        "yarn_app_id": yarn_app.id if yarn_app else None,
        "state": yarn_app.state.value if yarn_app else "NOT_STARTED",
        "lag": lag if found and ends else None,
        "committed_batch": found.committed if found else None,
        "last_commit_at": found.committed_at.isoformat() if found and found.committed_at else None,
    }
