"""`./soh test`: the test suites, each in the environment it needs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from soh.errors import BadInput
from soh.local.environments import AIRFLOW_PYTHON, SPARK_PYTHON, ensure_browser, java_home
from soh.local.steps import Steps
from soh.settings import PROJECT, child_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One call of pytest."""

    name: str
    folders: tuple[str, ...]
    spark: bool = False
    browser: bool = False


SUITES = (
    Suite(name="unit", folders=("tests/unit", "tests/architecture")),
    Suite(name="dags", folders=("tests/dags",)),
    Suite(name="spark", folders=("tests/spark",), spark=True),
    Suite(name="integration", folders=("tests/integration",)),
    Suite(name="e2e", folders=("tests/end_to_end",), browser=True),
)


def run(names: Sequence[str]) -> int:
    """Run the named suites, or all, and sum up; the exit code is 0 only when every one passed.

    Raises BadInput for a name that is no suite.
    """
    known = {suite.name: suite for suite in SUITES}
    if unknown := [name for name in names if name not in known]:
        raise BadInput(f"no test suite {', '.join(unknown)}; there are: {', '.join(known)}")
    results = []
    for suite in [known[name] for name in names] or list(SUITES):
        print(f"\n=== {suite.name}: {' '.join(suite.folders)}", flush=True)
        if suite.browser:
            with Steps().step("Browser") as say:
                say(ensure_browser())
        began = time.monotonic()
        code = _pytest(suite)
        results.append((suite.name, code, time.monotonic() - began))
    print("\n=== Summary")
    for name, code, seconds in results:
        print(f"  {'passed' if code == 0 else 'FAILED':<8} {name:<12} {seconds:6.0f} s")
    return 0 if all(code == 0 for _, code, _ in results) else 1


def _pytest(suite: Suite) -> int:
    python = SPARK_PYTHON if suite.spark else AIRFLOW_PYTHON
    path = os.pathsep.join((str(python.parent), str(java_home() / "bin"), os.defpath))
    environment = child_environment(
        PATH=path,
        JAVA_HOME=str(java_home()),
        PYSPARK_PYTHON=str(SPARK_PYTHON),
        SPARK_LOCAL_IP="127.0.0.1",
        PYTHONPATH=str(PROJECT / "include"),
    )
    command = [str(python), "-m", "pytest", *suite.folders]
    return subprocess.run(command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
