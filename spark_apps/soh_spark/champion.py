"""Which model grades a micro-batch: the registry's champion, unless it is broken or the batch was begun by another."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from soh.classifier.artefact import decode
from soh.classifier.in_use import InUse, Refused
from soh.classifier.registry import ModelVersion
from soh.errors import PermanentError, ServerUnreachable, SohError, TransientError
from soh.specs import FleetSpec
from soh.specs.fleets import PowerFactorRule
from soh_spark.grading import NO_MODEL, Artefact

log = logging.getLogger(__name__)

RETRY_AFTER = timedelta(seconds=30)
"""How long a champion that could not be used is left alone."""
ASK_AGAIN_AFTER = timedelta(seconds=15)
"""How long a registry that did not answer is left alone: every question may cost its time-out."""


class Registry(Protocol):
    """Where champions are named; `soh.classifier.registry.Registry`."""

    def champion(self, model_name: str) -> ModelVersion | None: ...


class Store(Protocol):
    """Where artefacts lie; `soh.classifier.store.ArtefactStore`."""

    def get(self, uri: str, sha256: str) -> bytes: ...


class Note(Protocol):
    """The file in which a stream says what it grades with; survives the app."""

    def read(self) -> str | None: ...

    def write(self, text: str) -> None: ...


class Step(StrEnum):
    """What to do about the registry's answer before a batch."""

    KEEP = "keep"
    LOAD = "load"
    FALL_BACK = "fall_back"
    """To the fleet's rule, or to nothing."""


def next_step(
    present: str | None, champion: str | None, *, fallback: str, refused: str | None = None, retry: bool = True
) -> Step:
    """Compare the version in use (None before the first batch) with the champion's (None where there is none).

    `fallback` is the word for what a fleet is graded by without a champion. The champion `refused` could not be used
    when it was last tried; `retry` says that this is long enough ago.
    """
    if champion is None:
        return Step.KEEP if present == fallback else Step.FALL_BACK
    if champion == present or (champion == refused and not retry):
        return Step.KEEP
    return Step.LOAD


class ModelOfStream:
    """The model of one stream, asked for once per batch; the only thing that changes it."""

    def __init__(
        self,
        stream: str,
        fleet: FleetSpec,
        registry: Registry,
        store: Store,
        note: Note,
        *,
        begun: int | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`begun` is the batch that an earlier life of the app planned and did not commit, if there is one."""
        self._stream = stream
        self._fleet = fleet
        self._registry = registry
        self._store = store
        self._note = note
        self._begun = begun
        self._now = now
        self._in_use: InUse | None = None
        self._artefact: Artefact | None = None
        self._tried_at = datetime.min.replace(tzinfo=UTC)
        self._silent_since: datetime | None = None
        self._asked_at = datetime.min.replace(tzinfo=UTC)

    def for_batch(self, batch: int) -> tuple[str, Artefact | None]:
        """Version and artefact for `batch`; what others read in the note is written before this returns.

        Raises ServerUnreachable when a batch must be repeated by a model that cannot be fetched just now.
        """
        if self._in_use is None:
            resumed = self._resume(batch)
            if resumed and batch == self._begun:
                return self._answer()
        try:
            champion = self._ask()
        except SohError:
            if self._in_use is None:
                self._fall_back(batch, None)
            return self._answer()
        self._follow(batch, champion)
        return self._answer()

    def _answer(self) -> tuple[str, Artefact | None]:
        assert self._in_use is not None
        return self._in_use.version, self._artefact

    def _resume(self, batch: int) -> bool:
        """Take up the model of the app's last life; False when there was none, or it is not to be had."""
        said = self._noted()
        # A note from a later batch is that of a checkpoint which is gone.
        if said is None or said.from_batch > batch:
            return False
        if said.uri is not None and said.sha256 is not None:
            try:
                self._artefact = self._fetch(said.uri, said.sha256)
            except TransientError as error:
                if batch == self._begun:
                    raise ServerUnreachable(
                        f"{self._stream}: batch {batch} was begun by version {said.version} and must be repeated by "
                        f"it, but: {error}"
                    ) from error
                log.warning("%s: version %s cannot be taken up again: %s", self._stream, said.version, error)
                return False
            except PermanentError as error:
                log.error("%s: version %s cannot be taken up again: %s", self._stream, said.version, error)
                return False
        self._in_use = said
        log.info("%s: version %s is taken up again at batch %d", self._stream, said.version, batch)
        return True

    def _noted(self) -> InUse | None:
        text = self._note.read()
        try:
            return InUse.from_json(text) if text else None
        except (KeyError, TypeError, ValueError) as error:
            log.error("%s: the note of the model in use is not one: %r", self._stream, error)
            return None

    def _ask(self) -> ModelVersion | None:
        """The champion; raises ServerUnreachable, at once when the registry was silent a moment ago."""
        now = self._now()
        if self._silent_since and now - self._asked_at < ASK_AGAIN_AFTER:
            raise ServerUnreachable("the model registry did not answer a moment ago")
        self._asked_at = now
        try:
            champion = self._registry.champion(self._fleet.model.name)
        except SohError as error:
            if self._silent_since is None:
                log.warning("%s: the present model stays, the registry does not answer: %s", self._stream, error)
                self._silent_since = now
            self._asked_at = self._now()
            raise
        if self._silent_since:
            log.info("%s: the registry answers again", self._stream)
            self._silent_since = None
        return champion

    def _follow(self, batch: int, champion: ModelVersion | None) -> None:
        named = None if champion is None else str(champion.version)
        in_use = self._in_use
        refused = in_use.refused if in_use else None
        step = next_step(
            in_use.version if in_use else None,
            named,
            fallback=self._fallback,
            refused=refused.version if refused else None,
            retry=self._now() - self._tried_at >= RETRY_AFTER,
        )
        if champion is not None and step is Step.LOAD:
            self._load(batch, champion)
        elif step is Step.FALL_BACK:
            self._fall_back(batch, None)
        elif in_use and refused and refused.version != named:
            self._say(replace(in_use, refused=None))

    def _load(self, batch: int, champion: ModelVersion) -> None:
        self._tried_at = self._now()
        try:
            artefact = self._fetch(champion.uri, champion.sha256)
        except SohError as error:
            self._refuse(batch, Refused(version=str(champion.version), reason=str(error), since=self._stamp()))
            return
        self._say(self._said_from(batch, str(champion.version), uri=champion.uri, sha256=champion.sha256))
        self._artefact = artefact

    def _refuse(self, batch: int, refused: Refused) -> None:
        known = self._in_use.refused if self._in_use else None
        if known and (known.version, known.reason) == (refused.version, refused.reason):
            return
        log.error("%s: champion %s is not used: %s", self._stream, refused.version, refused.reason)
        if self._in_use is None:
            self._fall_back(batch, refused)
        else:
            self._say(replace(self._in_use, refused=refused))

    def _fall_back(self, batch: int, refused: Refused | None) -> None:
        self._say(self._said_from(batch, self._fallback, refused=refused))
        self._artefact = None

    @property
    def _fallback(self) -> str:
        return PowerFactorRule.NAME if self._fleet.rule else NO_MODEL

    def _fetch(self, uri: str, sha256: str) -> Artefact:
        """The artefact, proven to be one: raises what the store raises, and ModelRefused."""
        content = self._store.get(uri, sha256)
        decode(content, self._fleet.model)
        return Artefact(sha256=sha256, content=content)

    def _said_from(
        self,
        batch: int,
        version: str,
        *,
        uri: str | None = None,
        sha256: str | None = None,
        refused: Refused | None = None,
    ) -> InUse:
        return InUse(
            stream=self._stream,
            model=self._fleet.model.name,
            version=version,
            from_batch=batch,
            since=self._stamp(),
            uri=uri,
            sha256=sha256,
            refused=refused,
        )

    def _say(self, in_use: InUse) -> None:
        """Write the note first: a batch that is cut off after this is repeated by it."""
        self._note.write(in_use.to_json())
        if self._in_use is None or self._in_use.version != in_use.version:
            log.info("%s: graded by version %s from batch %d on", self._stream, in_use.version, in_use.from_batch)
        self._in_use = in_use

    def _stamp(self) -> str:
        return self._now().isoformat(timespec="seconds")
