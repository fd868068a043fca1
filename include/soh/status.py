"""The state of the whole platform in one object, asked of the servers themselves, without Airflow or Spark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from soh.classifier.registry import ModelVersion, Registry
from soh.errors import SohError
from soh.hdfs import Hdfs
from soh.kafka.positions import Positions
from soh.lake.catalog import table_figures
from soh.settings import Endpoints, Secrets
from soh.specs import (
    CONSUMER_GROUPS,
    FLEETS,
    STREAM_APPS,
    STREAMS,
    TABLES,
    TOPICS,
    VIEWS,
    FleetSpec,
    ScoringStreamSpec,
    StreamAppSpec,
    StreamSpec,
)
from soh.specs.tables import Store
from soh.streams import checkpoint, model_in_use
from soh.streams.checkpoint import Checkpoint
from soh.streams.model_in_use import ModelInUse
from soh.yarn import ResourceManager, YarnApp, newest

T = TypeVar("T")

SCORING_STREAMS = [stream for stream in STREAMS.values() if isinstance(stream, ScoringStreamSpec)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What `./soh status` shows; each list has one plain dict an entry, ready for JSON."""

    services: dict[str, str]
    """Name -> running, starting, stopped or failed."""
    streams: list[dict[str, Any]]
    topics: list[dict[str, Any]]
    tables: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    """Consumer groups, one entry a topic."""
    models: list[dict[str, Any]]
    """One entry a fleet: its champion, None in `version` where it has none yet, and what its stream grades with."""
    unanswered: list[str]
    """A sentence for each server that did not answer; what it would have said is missing above."""

    def as_json(self) -> dict[str, Any]:
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "services": self.services,
            "streams": self.streams,
            "topics": self.topics,
            "tables": self.tables,
            "groups": self.groups,
            "models": self.models,
            "unanswered": self.unanswered,
        }


def status(endpoints: Endpoints, services: Mapping[str, str], secrets: Secrets) -> Status:
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
            name: pool.submit(ask, lambda app=app: newest(yarn.apps(app.yarn_tag)), None)
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
        committed = {
            (name, topic.name): pool.submit(
                ask, lambda name=name, topic=topic: positions.committed(name, topic.name), None
            )
            for name, group in CONSUMER_GROUPS.items()
            for topic in group.reads
        }
        in_use = {
            stream.name: pool.submit(ask, lambda stream=stream: model_in_use.read(hdfs, stream.name), None)
            for stream in SCORING_STREAMS
        }
        champions = pool.submit(ask, lambda: _champions(endpoints, secrets.registry_password), {})
        tables = [
            # A store that is away costs only its own tables.
            pool.submit(ask, lambda names=names: table_figures(endpoints, secrets, hdfs, names), [])
            for names in _by_store()
        ]
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
                for found in tables
                for table in found.result()
            ],
            groups=[
                _group(name, topic, ends[topic].result(), found.result()) for (name, topic), found in committed.items()
            ],
            models=[
                _model(stream.fleet, champions.result().get(stream.fleet.model.name), in_use[stream.name].result())
                for stream in SCORING_STREAMS
            ],
            unanswered=sorted(set(unanswered)),
        )


def models(endpoints: Endpoints, secrets: Secrets) -> list[dict[str, Any]]:
    """The models alone, as `Status.models` has them. Raises ServerUnreachable, BadInput."""
    hdfs = Hdfs(endpoints.webhdfs, endpoints.hdfs_user)
    champions = _champions(endpoints, secrets.registry_password)
    return [
        _model(stream.fleet, champions.get(stream.fleet.model.name), model_in_use.read(hdfs, stream.name))
        for stream in SCORING_STREAMS
    ]


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


def _group(name: str, topic: str, ends: Mapping[int, int], committed: Mapping[int, int] | None) -> dict[str, Any]:
    """One consumer group on one topic; `lag` is None when the brokers did not say."""
    known = bool(ends) and committed is not None
    lag = sum(max(0, end - (committed or {}).get(partition, 0)) for partition, end in ends.items())
    return {"name": name, "topic": topic, "lag": lag if known else None}


def _by_store() -> list[list[str]]:
    """Names of all tables and views, those of one store together."""
    lake = {**TABLES, **VIEWS}
    return [[name for name, stored in lake.items() if stored.store is store] for store in Store]


def _champions(endpoints: Endpoints, password: str) -> dict[str, ModelVersion]:
    with closing(Registry(**endpoints.registry, password=password)) as registry:
        found = {fleet.model.name: registry.champion(fleet.model.name) for fleet in FLEETS.values()}
    return {name: version for name, version in found.items() if version}


def _model(fleet: FleetSpec, champion: ModelVersion | None, used: ModelInUse | None) -> dict[str, Any]:
    promoted_at = champion.promoted_at if champion else None
    return {
        "fleet": fleet.name,
        "model": fleet.model.name,
        "version": champion.version if champion else None,
        "macro_f1": champion.macro_f1 if champion else None,
        "promoted_at": promoted_at.isoformat() if promoted_at else None,
        "in_use": used.version if used else None,
        "in_use_since": used.since if used else None,
        "refused": used.refused if used else None,
    }
