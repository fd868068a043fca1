"""What would make `./soh up` fail later, asked first and said in a sentence each."""

from __future__ import annotations

import shutil

import psutil

from soh.errors import SetupFailed
from soh.local.environments import java_home, postgres_bin
from soh.local.home import Home
from soh.local.profile import SMALL

NEEDED_DISK = 7 * 1024**3
"""Bytes free before the start: Kafka keeps three copies of a day of readings and grades."""


def check(home: Home, *, already_up: bool) -> str:
    """Refuse a machine on which the services could not start; returns what was found.

    Raises SetupFailed with every obstacle, not only the first.
    """
    obstacles = []
    free_disk = shutil.disk_usage(_existing(home)).free
    if free_disk < NEEDED_DISK:
        obstacles.append(f"{home.path} has {_gib(free_disk)} free; it needs {_gib(NEEDED_DISK)}")
    memory, needed = psutil.virtual_memory().available, home.profile.needed_memory
    if not already_up:
        if memory < needed:
            advice = f"; --profile {SMALL.name} needs {_gib(SMALL.needed_memory)}" if home.profile != SMALL else ""
            obstacles.append(f"{_gib(memory)} of memory are available; the services need {_gib(needed)}{advice}")
        if taken := home.ports.taken():
            listed = ", ".join(f"{port} ({name})" for name, port in taken)
            obstacles.append(
                f"somebody listens on {listed}; choose another block with SOH_PORT_BASE or stop what listens there"
            )
    for tool in (java_home, postgres_bin):
        try:
            tool()
        except SetupFailed as error:
            obstacles.append(str(error))
    if obstacles:
        raise SetupFailed("this machine cannot run it yet:\n  - " + "\n  - ".join(obstacles))
    return f"{_gib(memory)} memory, {_gib(free_disk)} disk, ports from {home.port_base}"


def _existing(home: Home) -> str:
    return str(next(folder for folder in (home.path, *home.path.parents) if folder.exists()))


def _gib(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB"
