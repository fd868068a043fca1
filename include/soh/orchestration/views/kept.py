"""Answers of servers, kept between the refreshes of a page, so that ten browsers cost one question."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from airflow.exceptions import AirflowException

from soh.errors import SohError

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """What a server said last."""

    value: T | None = None
    """None before its first answer."""
    at: datetime | None = None
    """When it said so."""
    trouble: str = ""
    """Why it says nothing newer; empty while all is well."""


class Kept(Generic[T]):
    """The last answer to one question, which is asked anew when somebody wants it and it is no longer fresh.

    One question is under way at a time, however many want it, and nobody waits longer than `patience`:
    a server that hangs leaves its last answer standing, with the trouble beside it.
    """

    def __init__(
        self,
        question: Callable[[], T],
        fresh_for: timedelta = timedelta(seconds=2),
        patience: timedelta = timedelta(seconds=3),
    ) -> None:
        self._question = question
        self._fresh_for = fresh_for.total_seconds()
        self._patience = patience.total_seconds()
        self._lock = threading.Lock()
        self._answer: Answer[T] = Answer()
        self._asking: Future[None] | None = None
        self._asked = -float("inf")
        """By the monotonic clock, when the last question was begun."""

    def begin(self) -> None:
        """Ask, unless the last answer is fresh or the question is under way; returns at once."""
        with self._lock:
            if self._asking or time.monotonic() - self._asked < self._fresh_for:
                return
            self._asked = time.monotonic()
            asking = self._asking = Future()
        # A daemon, because the api-server must be able to stop while a server hangs.
        threading.Thread(target=self._ask, args=(asking,), name="fleet page", daemon=True).start()

    def answer(self) -> Answer[T]:
        """The answer of now, or what is known when patience ends; blocks until then."""
        self.begin()
        with self._lock:
            asking, asked = self._asking, self._asked
        if asking:
            wait([asking], max(0.0, asked + self._patience - time.monotonic()))
        with self._lock:
            if self._asking is asking is not None:
                waited = time.monotonic() - asked
                trouble = f"no answer within {waited:.0f} s; {self._answer.trouble}".removesuffix("; ")
                return Answer(value=self._answer.value, at=self._answer.at, trouble=trouble)
            return self._answer

    def _ask(self, asking: Future[None]) -> None:
        try:
            answer = Answer(value=self._question(), at=datetime.now(tz=UTC))
        except (SohError, AirflowException) as error:
            answer = Answer(value=self._answer.value, at=self._answer.at, trouble=str(error))
        except Exception as error:
            # The border of a thread: what nobody foresaw must show on the page, and not end it.
            _log.exception("a question of the page Fleet failed")
            trouble = f"{type(error).__name__}; the api-server's log has the details"
            answer = Answer(value=self._answer.value, at=self._answer.at, trouble=trouble)
        with self._lock:
            self._answer = answer
            self._asking = None
        asking.set_result(None)
