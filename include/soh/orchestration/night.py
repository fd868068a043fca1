"""The night of one table as a task: in a process of its own where the day is small, else as an app on YARN."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
from airflow.sdk import Context, Variable

from soh.errors import TRY_AGAIN, AppFailed, AppLost, BadInput, ServerUnreachable
from soh.lake.columns.job import Job
from soh.orchestration import connections
from soh.orchestration.batch_app import BatchAppOperator
from soh.settings import PROJECT, child_environment
from soh.specs import BatchAppSpec, FleetSpec, TableSpec
from soh.specs.apps import COMPACT_DAY, FOLD_LANDING, LOCAL_LIMITS, BatchEngine
from soh.yarn import ResourceManager

ENGINE_VARIABLE = "soh_batch_engine"
"""The Airflow variable that says what does the nights of this installation; a run may say otherwise."""

MIB = 1024**2
_LOOK_EVERY = timedelta(seconds=0.5)


class NightOperator(BatchAppOperator):
    """Close the day of one table; its figures are the task's result and the extra of its asset events.

    `engine` (templated) is a `BatchEngine` or empty, which leaves it to the variable `soh_batch_engine`.
    """

    template_fields: Sequence[str] = (*BatchAppOperator.template_fields, "day", "engine")

    def __init__(
        self, *, app: BatchAppSpec, about: TableSpec | FleetSpec, day: Any, engine: Any, **kwargs: Any
    ) -> None:
        word = "--fleet" if isinstance(about, FleetSpec) else "--table"
        super().__init__(app=app, arguments=[word, about.name, "--day", day], **kwargs)
        self.about = about.name
        self.is_fold = isinstance(about, FleetSpec)
        self.day = day
        self.engine = engine
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> Any:
        engine = chosen_engine(self.engine, Variable.get(ENGINE_VARIABLE, default=None))
        if engine is BatchEngine.SPARK or self._has_app_alive(context):
            return super().execute(context)
        told = self._run_locally(any_size=engine is BatchEngine.LOCAL)
        if (large := told.get("too_large")) is not None:
            self.log.info("%s: too large for one process: %s; Spark does it", self.about, large)
            return super().execute(context)
        return self.done(told["figures"], context)

    def on_kill(self) -> None:
        if self._process is not None:
            self._process.kill()
        super().on_kill()

    def _has_app_alive(self, context: Context) -> bool:
        """Whether Spark is at it already, started by an earlier try; without YARN there is nothing that could be."""
        cluster = ResourceManager(connections.endpoints().yarn)
        try:
            return any(app.alive for app in cluster.apps(self.work_tag(context)))
        except ServerUnreachable as error:
            self.log.warning("not seen whether an app is at it already: %s", error)
            return False

    def _run_locally(self, *, any_size: bool) -> dict[str, Any]:
        endpoints = connections.endpoints()
        class_path, options = java_of(connections.cluster_conf())
        job = Job(
            table=None if self.is_fold else self.about,
            fleet=self.about if self.is_fold else None,
            day=self.day,
            any_size=any_size,
            endpoints=asdict(endpoints),
            secrets=asdict(connections.app_secrets()),
            class_path=class_path,
            java_options=options,
        )
        process = self._process = started()
        try:
            return self._watch(process, job)
        finally:
            process.kill()
            process.wait()

    def _watch(self, process: subprocess.Popen[str], job: Job) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        # Not closed before the end: as long as it is open, the process knows that somebody waits for it.
        process.stdin.write(job.to_line())
        process.stdin.flush()
        lines: list[str] = []
        log, answer = process.stderr, process.stdout
        readers = [
            threading.Thread(target=lambda: [self.log.info("%s", line.rstrip()) for line in log], daemon=True),
            threading.Thread(target=lambda: lines.extend(answer), daemon=True),
        ]
        for reader in readers:
            reader.start()
        most = 0
        while process.poll() is None:
            most = max(most, _memory(process.pid))
            if most > LOCAL_LIMITS.memory:
                raise AppFailed(
                    f"{self.about} took {most // MIB:,} MiB, and one process is given {LOCAL_LIMITS.memory // MIB:,}; "
                    "it is ended, and nothing is half done. Trigger it with engine spark"
                )
            try:
                process.wait(_LOOK_EVERY.total_seconds())
            except subprocess.TimeoutExpired:
                continue
        for reader in readers:
            reader.join()
        self.log.info("at most %s MiB were in use", most // MIB)
        return answered(self.about, process.returncode, lines)


def compact_operator(table: TableSpec, **kwargs: Any) -> NightOperator:
    """The task that packs the day of a table."""
    return NightOperator(task_id=f"compact__{table.name}", app=COMPACT_DAY, about=table, **kwargs)


def fold_operator(fleet: FleetSpec, **kwargs: Any) -> NightOperator:
    """The task that folds a fleet's landed grades, and packs their day."""
    return NightOperator(task_id=f"fold__{fleet.scores.name}", app=FOLD_LANDING, about=fleet, **kwargs)


def command() -> list[str]:
    """What runs a job."""
    return [sys.executable, "-m", "soh.lake.columns"]


def started() -> subprocess.Popen[str]:
    """A process that waits for its job."""
    return subprocess.Popen(
        command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=child_environment(PYTHONPATH=str(PROJECT / "include")),
    )


def chosen_engine(wish: str | None, setting: str | None) -> BatchEngine:
    """The engine that a run asks for, else that of the installation, else by the size of the day.

    Raises BadInput for a word that is no engine.
    """
    for word, place in ((wish, "engine of this run"), (setting, f"Airflow's variable {ENGINE_VARIABLE}")):
        if word:
            try:
                return BatchEngine(word)
            except ValueError:
                raise BadInput(f"{place} is {word!r}; it must be one of {', '.join(BatchEngine)}") from None
    return BatchEngine.AUTO


def java_of(conf: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Class path and options of a Java that has what Spark's drivers have, by the cluster's Spark settings.

    Where those name no jars of Spark on this machine, those that come with PySpark are taken.
    """
    pyspark = find_spec("pyspark")
    assert pyspark is not None, "pyspark is in the lock of this environment"
    own = f"{Path(str(pyspark.origin)).parent}/jars/*"
    configured = [part for part in conf.get("spark.driver.extraClassPath", "").split(":") if part]
    # The archive of classes is of no use to a class path that begins otherwise than that of which it was made.
    class_path = [*configured, *([] if own in configured else [own])]
    return class_path, shlex.split(conf.get("spark.driver.defaultJavaOptions", ""))


def answered(about: str, code: int, lines: Sequence[str]) -> dict[str, Any]:
    """What the process told. Raises AppLost where another try may help, AppFailed where it does not."""
    try:
        told: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        raise AppLost(f"{about}: the process ended with {code} and without a word; its log is above") from None
    if error := told.get("error"):
        raise AppLost(str(error)) if code == TRY_AGAIN else AppFailed(str(error))
    return told


def _memory(pid: int) -> int:
    """Bytes that a process has for itself."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
