"""Start a service after ending what a killed predecessor of any service left behind.

    python -m soh.local.alone COMMAND [ARGUMENT ...]

An Airflow scheduler that is killed with -9 leaves its workers: nobody gives them work again, and
they keep their memory for ever. supervisord makes every service the leader of a process group of
its own session, so whatever lives in this session in a group without a leader is such a remnant.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from datetime import timedelta

import psutil

from soh.local.processes import end


def remnants(session: int) -> list[psutil.Process]:
    """Processes of the session whose group has lost its leader."""
    return [process for process in psutil.process_iter() if _is_remnant(process.pid, session)]


def _is_remnant(pid: int, session: int) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        group = os.getpgid(pid)
        return os.getsid(pid) == session and pid != session and not psutil.pid_exists(group)
    return False


def _told(processes: Iterable[psutil.Process]) -> str:
    return ", ".join(str(process.pid) for process in processes)


def main() -> None:
    """End the remnants, then become the command."""
    if found := remnants(os.getsid(0)):
        print(f"ending what a killed service left behind: {_told(found)}", file=sys.stderr, flush=True)
        end(found, timedelta(seconds=3))
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606


if __name__ == "__main__":
    main()
