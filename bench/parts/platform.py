"""The copy of the platform that is measured: the running one, or one that is started for it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soh.errors import SetupFailed
from soh.local.home import Home
from soh.local.ports import free_base
from soh.local.supervisor import Supervisor
from soh.settings import PROJECT, Settings, child_environment


@contextmanager
def running_platform() -> Iterator[Home]:
    """The copy that runs in `SOH_HOME`; where none runs, one in a scratch folder, taken down afterwards."""
    home = Home.of(Settings.from_environment())
    if home.endpoints_file.exists() and Supervisor(home).is_up():
        yield home
        return
    folder = Path(tempfile.mkdtemp(prefix="soh-bench-"))
    # Its servers run under another user.
    folder.chmod(0o755)
    scratch = Home(path=folder, port_base=free_base())
    print(f"nothing runs in {home.path}: starting a copy in {folder}", file=sys.stderr)
    try:
        _soh(scratch, "up")
        yield scratch
    finally:
        _soh(scratch, "down", "--purge")


def _soh(home: Home, *arguments: str) -> None:
    environment = child_environment(SOH_HOME=str(home.path), SOH_PORT_BASE=str(home.port_base))
    done = subprocess.run([PROJECT / "soh", *arguments], env=environment, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise SetupFailed(f"./soh {' '.join(arguments)} in {home.path} ended with {done.returncode}")
