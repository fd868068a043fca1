"""The state of the project's files as one word, by which is known what was tested."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path


def files(project: Path) -> list[Path]:
    """Every file that git has, or would have after `git add`; without git, what its ignore file lets through."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    git = shutil.which("git")
    listed = git and subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if listed and listed.returncode == 0:
        found = {project / name for name in listed.stdout.split("\0") if name}
    else:
        ignored = [".git", *(line.strip("/") for line in (project / ".gitignore").read_text().split())]
        found = set(_walk(project, ignored))
    return sorted(path for path in found if path.is_file())


def _walk(project: Path, ignored: list[str]) -> Iterator[Path]:
    for folder, folders, names in os.walk(project):
        folders[:] = [name for name in folders if not any(fnmatch(name, pattern) for pattern in ignored)]
        yield from (Path(folder, name) for name in names if not any(fnmatch(name, pattern) for pattern in ignored))


def digest(project: Path) -> str:
    """The same for the same names with the same contents, committed or not, and for no others."""
    whole = hashlib.sha256()
    for path in files(project):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{content} {path.relative_to(project).as_posix()}\0".encode())
    return whole.hexdigest()
