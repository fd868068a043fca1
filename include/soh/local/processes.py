"""Every process of one copy, found by what supervisord and the NodeManagers put into their environments."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import psutil

from soh.local.home import Home

MARK = "SOH_SERVICE_OF"
"""Environment variable of every service; what a service starts inherits it."""


def of(home: Home) -> list[psutil.Process]:
    """All living processes that belong to the copy in `home`.

    Only marks that a server leaves count: a person's shell or editor inside the folder is not ours.
    """
    return [process for process in psutil.process_iter() if _belongs(process, str(home.path))]


def _belongs(process: psutil.Process, home: str) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        environment = process.environ()
        # A NodeManager gives its containers an environment of their own, with its folders in it.
        return bool(environment.get(MARK) == home or environment.get("LOCAL_DIRS", "").startswith(f"{home}/"))
    return False


def end(processes: list[psutil.Process], grace: timedelta) -> int:
    """Ask the processes to end, kill those that do not within `grace`; returns how many there were."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=grace.total_seconds())
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)
    return len(processes)
