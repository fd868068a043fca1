"""Progress of a long command, step by step with seconds; standard library only, for it runs before any set-up."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


class Steps:
    """Prints one line a step: its name, what it did, its seconds.

    On a terminal the line of the running step counts its seconds; elsewhere a step that takes
    long is announced every half minute, so that a log shows life.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stderr
        self.began = time.monotonic()

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time one step; call the yielded function with a few words on how it goes or what it found."""
        running = self.begin(name)
        try:
            yield running.say
        except BaseException:
            running.end("✗")
            raise
        running.end("✓")

    def begin(self, name: str) -> Step:
        """Begin a step that its caller ends."""
        return Step(self, name)

    def tell(self, line: str) -> None:
        """Leave a line, in place of that of a running step on a terminal."""
        erase = "\r\033[K" if self.out.isatty() else ""
        self.out.write(f"{erase}{line}\n")
        self.out.flush()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def layout(self, mark: str, name: str, seconds: float, note: str) -> str:
        """The line of a step."""
        return f"  {mark} {name:<28} {seconds:6.1f} s  {note}"


class Step:
    """One running step."""

    def __init__(self, steps: Steps, name: str) -> None:
        self.name = name
        self.note = ""
        self.began = time.monotonic()
        self._steps = steps
        self._done = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()

    def say(self, note: str) -> None:
        self.note = note

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def end(self, mark: str) -> None:
        """Leave the step's line; `mark` says how it went."""
        self._done.set()
        self._ticker.join()
        self._steps.tell(self._text(mark))

    def _tick(self) -> None:
        terminal = self._steps.out.isatty()
        wait = 0.2 if terminal else 30.0
        while not self._done.wait(wait):
            text = self._text("…")
            self._steps.out.write(f"\r\033[K{text[:110]}" if terminal else f"{text}\n")
            self._steps.out.flush()

    def _text(self, mark: str) -> str:
        return self._steps.layout(mark, self.name, self.seconds, self.note)
