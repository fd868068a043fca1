"""Java inside this process, for Iceberg's own interface; started once, with the classes that Spark's drivers have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import jpype

from soh.errors import RewriteConflict, ServerUnreachable

HEAP = "-Xmx192m"
_COLLECTOR = "-XX:+UseSerialGC"
"""That of the apps, or the archive of their classes is of no use."""
_ONE_COMPILER = ("-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=64m")

ATTEMPTS = 4
_CONFLICTS = ("CommitFailedException", "ValidationException")
_AWAY = (
    "java.io.IOException",
    "java.io.UncheckedIOException",
    "java.sql.SQLException",
    "org.apache.iceberg.exceptions.RuntimeIOException",
    "org.apache.iceberg.exceptions.CommitStateUnknownException",
    "org.apache.iceberg.exceptions.ServiceFailureException",
    "org.apache.iceberg.exceptions.ServiceUnavailableException",
    "org.apache.iceberg.jdbc.UncheckedSQLException",
    "software.amazon.awssdk.core.exception.SdkException",
)

T = TypeVar("T")


def start(class_path: Sequence[str], options: Sequence[str]) -> None:
    """Start Java; `class_path` may hold folders with `*`, `options` are Java's own.

    The archive of classes needs the class path of which it was made, in the same order.
    """
    if not jpype.isJVMStarted():
        jpype.startJVM(*(HEAP, _COLLECTOR, *_ONE_COMPILER, *options), classpath=list(class_path), convertStrings=False)
        _quieten()


def _quieten() -> None:
    log4j = java("org.apache.logging.log4j")
    log4j.core.config.Configurator.setRootLevel(log4j.Level.ERROR)


def java(package: str) -> Any:
    """A package of Java, its classes and packages as attributes."""
    return jpype.JPackage(package)


def iceberg() -> Any:
    """Iceberg's package."""
    return java("org.apache.iceberg")


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn Java's errors about servers that are away into ServerUnreachable, and lost races into RewriteConflict."""
    try:
        yield
    except jpype.JException as error:
        if is_conflict(error):
            raise RewriteConflict(f"{what}: another writer was faster: {error}") from None
        if _is_away(error):
            raise ServerUnreachable(f"{what}: {_in_words(error)}") from None
        raise


def retry_conflicts(what: str, act: Callable[[], T]) -> T:
    """Call `act` again while other writers commit first; raises RewriteConflict when they always do."""
    for _ in range(ATTEMPTS - 1):
        try:
            with told(what):
                return act()
        except RewriteConflict:
            continue
    with told(f"{what}: other writers committed first, {ATTEMPTS} times; nothing is changed, look for a second one"):
        return act()


def is_conflict(error: Any) -> bool:
    """Whether Iceberg refused a commit because of what others have committed."""
    return any(type(cause).__name__.endswith(_CONFLICTS) for cause in _causes(error))


def _is_away(error: Any) -> bool:
    kinds = tuple(jpype.JClass(name) for name in _AWAY)
    return any(isinstance(cause, kinds) for cause in _causes(error))


def _causes(error: Any) -> Iterator[Any]:
    seen = 0
    while error is not None and seen < 20:
        yield error
        error, seen = error.getCause(), seen + 1


def _in_words(error: Any) -> str:
    deepest = [*_causes(error)][-1]
    return f"{type(deepest).__name__}: {deepest.getMessage()}".splitlines()[0]
