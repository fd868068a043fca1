"""A side as its parent sees it: a process that answers questions, and the processor time of all that it started."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from soh.errors import SetupFailed
from soh.local.processes import MARK, end
from soh.settings import child_environment

_END_WITHIN = timedelta(seconds=20)
_TAIL = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a side's process is started."""

    command: Sequence[str]
    environment: dict[str, str]
    home: Path
    """Folder of the copy to which the process belongs."""
    log: Path


class Worker:
    """One running side."""

    def __init__(self, name: str, how: Start) -> None:
        self.name = name
        self._log = how.log
        with how.log.open("wb") as log:
            self._process = subprocess.Popen(
                how.command,
                env=child_environment(**{MARK: str(how.home), **how.environment}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=how.home,
            )
        self._rest = b""

    def wait_until_ready(self, within: timedelta) -> None:
        self._answer("start", within)

    def ask(self, verb: str, number: int, within: timedelta) -> dict[str, Any]:
        """The answer to one question; SetupFailed when the side ends instead, or is not done `within`."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{verb} {number}\n".encode())
            self._process.stdin.flush()
        return self._answer(verb, within)

    def _answer(self, verb: str, within: timedelta) -> dict[str, Any]:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + within.total_seconds()
        while b"\n" not in self._rest:
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise SetupFailed(f"side {self.name} did not {verb} within {within}; end of its log:{self._tail()}")
            part = os.read(descriptor, 65536)
            if not part:
                raise SetupFailed(f"side {self.name} ended at {verb}; end of its log:{self._tail()}")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def cpu_seconds(self) -> float:
        """Processor time so far of the process and all that it started, those that have ended included."""
        spent = 0.0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                spent += sum(process.cpu_times()[:4])
        return spent

    def stop(self, within: timedelta = _END_WITHIN) -> None:
        """Let the side end by itself `within` a time, then end it and all that it started."""
        family = self._family()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(within.total_seconds())
        end([process for process in family if process.is_running()], within)
        self._process.wait()

    def _family(self) -> list[psutil.Process]:
        try:
            head = psutil.Process(self._process.pid)
            return [head, *head.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-_TAIL:]
        return "\n    ".join(["", *lines])
