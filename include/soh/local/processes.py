"""Every process of one copy, found by what supervisord and the NodeManagers give to those they start."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path

import psutil

from soh.local.home import Home

MARK = "SOH_SERVICE_OF"
"""Environment variable of every service; what a service starts inherits it."""


def of(home: Home) -> list[psutil.Process]:
    """All living processes that belong to the copy in `home`."""
    return [process for process in psutil.process_iter() if _belongs(process, home)]


def _belongs(process: psutil.Process, home: Home) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        environment = process.environ()
        # A NodeManager gives its containers an environment of their own, with its folders in it.
        if environment.get(MARK) == str(home.path) or environment.get("LOCAL_DIRS", "").startswith(f"{home.path}/"):
            return True
        # Servers that write a title over their environment are known by where they work. A person's
        # shell or editor in such a folder has a terminal.
        working_in = Path(process.cwd())
        return process.terminal() is None and any(
            working_in.is_relative_to(folder) for folder in (home.airflow, home.data, home.postgres_data)
        )
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
