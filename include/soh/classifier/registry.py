"""Versions of models as MLflow's registry keeps them, read from its tables without its client.

The scoring stream asks once per batch, the status and the page every few seconds: a query is all that they need.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2

from soh.errors import ServerUnreachable
from soh.specs.models import CHAMPION

PROMOTED_AT = "promoted_at"
SHA256 = "sha256"
SIZE = "size"
MACRO_F1 = "macro_f1"
REASON = "reason"
"""Tags of a model version, as training writes them."""

_ANSWER_WITHIN = timedelta(seconds=3)

_VERSIONS = """
    SELECT v.version, v.source, v.creation_time, jsonb_object_agg(t.key, t.value) FILTER (WHERE t.key IS NOT NULL)
      FROM model_versions v
      LEFT JOIN model_version_tags t USING (workspace, name, version)
     WHERE v.workspace = 'default' AND v.name = %(name)s AND v.current_stage <> 'Deleted_Internal' {condition}
     GROUP BY v.version, v.source, v.creation_time
     ORDER BY v.version DESC
     LIMIT %(limit)s
"""
_IS_CHAMPION = """AND v.version = (
    SELECT version FROM registered_model_aliases WHERE workspace = 'default' AND name = %(name)s AND alias = %(alias)s
)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One registered version of a model."""

    model: str
    version: int
    uri: str
    """Of its artefact."""
    sha256: str
    """Of its artefact; empty, which is no hash, for a version that nobody gave one."""
    size: int
    """Bytes of its artefact."""
    macro_f1: float | None
    """On the hold-out, when it was trained."""
    promoted_at: datetime | None
    """When it last became champion; None if never."""
    reason: str
    """Why it was promoted or kept back, in a sentence."""
    created_at: datetime


class Registry:
    """Reads of one MLflow registry in PostgreSQL, over one connection that is opened anew when it breaks."""

    def __init__(self, host: str, port: int, database: str, user: str, password: str) -> None:
        """Nothing is sent before the first question."""
        self._address = f"{host}:{port}/{database}"
        self._user = user
        self._settings = {"host": host, "port": port, "dbname": database, "user": user, "password": password}
        self._connection: Any = None
        self._lock = threading.Lock()

    def champion(self, model_name: str) -> ModelVersion | None:
        """The version that grades, or None. Raises ServerUnreachable."""
        return _only(self._ask(model_name, _IS_CHAMPION, limit=1))

    def version(self, model_name: str, version: int) -> ModelVersion | None:
        """One version, or None. Raises ServerUnreachable."""
        return _only(self._ask(model_name, "AND v.version = %(version)s", limit=1, version=version))

    def versions(self, model_name: str, limit: int) -> list[ModelVersion]:
        """The newest versions, the newest first. Raises ServerUnreachable."""
        return self._ask(model_name, "", limit=limit)

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _ask(self, model: str, condition: str, *, limit: int, version: int | None = None) -> list[ModelVersion]:
        question = _VERSIONS.format(condition=condition)
        wanted = {"name": model, "alias": CHAMPION, "limit": limit, "version": version}
        with self._lock:
            try:
                rows = self._rows(question, wanted)
            except psycopg2.errors.UndefinedTable:
                # The first training makes MLflow's tables.
                return []
            except psycopg2.Error as error:
                raise ServerUnreachable(
                    f"the model registry at {self._address} did not answer {self._user} about {model}: "
                    f"{str(error).strip()}"
                ) from error
        return [_model_version(model, *row) for row in rows]

    def _rows(self, question: str, wanted: dict[str, object]) -> Sequence[Sequence[Any]]:
        if self._connection is not None:
            try:
                return self._rows_now(question, wanted)
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                # It may have died since the last question: a new one is worth a try.
                self._drop()
        return self._rows_now(question, wanted)

    def _rows_now(self, question: str, wanted: dict[str, object]) -> Sequence[Sequence[Any]]:
        if self._connection is None:
            seconds = int(_ANSWER_WITHIN.total_seconds())
            self._connection = psycopg2.connect(
                **self._settings,
                connect_timeout=seconds,
                # A server whose machine vanished sends nothing, not even an error.
                tcp_user_timeout=1000 * seconds,
                options=f"-c statement_timeout={1000 * seconds}",
            )
            self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(question, wanted)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
            return rows

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _only(versions: list[ModelVersion]) -> ModelVersion | None:
    return versions[0] if versions else None


def _model_version(
    model: str, version: int, source: str | None, created: int, tags: dict[str, str] | None
) -> ModelVersion:
    tags = tags or {}
    return ModelVersion(
        model=model,
        version=version,
        uri=source or "",
        sha256=tags.get(SHA256, ""),
        size=int(tags.get(SIZE, 0)),
        macro_f1=float(tags[MACRO_F1]) if MACRO_F1 in tags else None,
        promoted_at=datetime.fromisoformat(tags[PROMOTED_AT]) if PROMOTED_AT in tags else None,
        reason=tags.get(REASON, ""),
        created_at=datetime.fromtimestamp(created / 1000, tz=UTC),
    )
