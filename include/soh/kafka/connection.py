"""The connection to the brokers that every question and every change goes through."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from soh.errors import ServerUnreachable

REQUEST_TIMEOUT = timedelta(seconds=10)

_TRIES = 6
_PAUSE = timedelta(milliseconds=500)
_MOVES = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def admin_client(bootstrap: str) -> AdminClient:
    """Connect to the brokers in `bootstrap` (`host:port,...`); nothing is sent yet."""
    return AdminClient(_settings(bootstrap))


def consumer_in(bootstrap: str, group: str, more: Mapping[str, str | int] = {}) -> Consumer:
    """A consumer that knows its group's commits and changes none by itself; `more` settings of librdkafka."""
    return Consumer({**_settings(bootstrap), "group.id": group, "enable.auto.commit": False, **more})


def _settings(bootstrap: str) -> dict[str, str | int | float | bool]:
    return {
        "bootstrap.servers": bootstrap,
        "client.id": "soh",
        "socket.timeout.ms": int(REQUEST_TIMEOUT.total_seconds() * 1000),
        "socket.connection.setup.timeout.ms": 3000,
        # A broker that is down is told by the failing request; librdkafka would repeat it on stderr.
        "log_level": 0,
    }


@contextmanager
def asking(bootstrap: str, what: str) -> Iterator[None]:
    """Turn the client's errors into ServerUnreachable, which says that the brokers did not do `what`."""
    try:
        yield
    except (KafkaException, TimeoutError) as error:
        raise unreachable(bootstrap, what, error) from error


def unreachable(bootstrap: str, what: str, error: Exception) -> ServerUnreachable:
    """The error for brokers that did not do `what`, in their own words."""
    return ServerUnreachable(
        f"Kafka at {bootstrap} did not {what}: {reason(error)}. Are its brokers up, with a leader for each partition?"
    )


def answers(futures: Mapping[K, Future[V]]) -> dict[K, V]:
    """Wait for the answer to every future; the client's own error at the first that failed."""
    return {key: future.result(REQUEST_TIMEOUT.total_seconds() + 1) for key, future in futures.items()}


def once_led(ask: Callable[[], V]) -> V:
    """Ask again, for some seconds, while partitions or groups change their brokers: one went, or is new."""
    for _ in range(_TRIES - 1):
        try:
            return ask()
        except KafkaException as error:
            if error_code(error) not in _MOVES:
                raise
        time.sleep(_PAUSE.total_seconds())
    return ask()


def reason(error: Exception) -> str:
    """The broker's own words for a failure."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, KafkaError):
        return f"{cause.name()}: {cause.str()}".rstrip(".")
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def error_code(error: KafkaException) -> int | None:
    """Kafka's number for a failure, one of KafkaError's constants."""
    cause = error.args[0] if error.args else None
    return cause.code() if isinstance(cause, KafkaError) else None
