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
    long is announced when it begins and again every half minute, so that a log shows life.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stderr
        self.began = time.monotonic()
        self._lock = threading.Lock()
        self._note = ""

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time one step; call the yielded function with a few words on how it goes or what it found."""
        began = time.monotonic()
        done = threading.Event()
        self._note = ""
        ticker = threading.Thread(target=self._tick, args=(name, began, done), daemon=True)
        ticker.start()
        try:
            yield self._say
        except BaseException:
            done.set()
            ticker.join()
            self._line("✗", name, began)
            raise
        done.set()
        ticker.join()
        self._line("✓", name, began)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def _say(self, note: str) -> None:
        with self._lock:
            self._note = note

    def _tick(self, name: str, began: float, done: threading.Event) -> None:
        terminal = self.out.isatty()
        wait = 0.2 if terminal else 30.0
        while not done.wait(wait):
            seconds = time.monotonic() - began
            with self._lock:
                text = f"  … {name:<28} {seconds:6.1f} s  {self._note}"
            self.out.write(f"\r\033[K{text[:110]}" if terminal else f"{text}\n")
            self.out.flush()

    def _line(self, mark: str, name: str, began: float) -> None:
        seconds = time.monotonic() - began
        erase = "\r\033[K" if self.out.isatty() else ""
        self.out.write(f"{erase}  {mark} {name:<28} {seconds:6.1f} s  {self._note}\n")
        self.out.flush()
