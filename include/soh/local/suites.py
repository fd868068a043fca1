"""`./soh test`: the test suites, each in the environment it needs, and what is kept of them for the next time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from soh.errors import BadInput
from soh.local import budget, tree
from soh.local.environments import AIRFLOW_PYTHON, SPARK_PYTHON, ensure_browser, java_home
from soh.local.outcomes import Outcomes
from soh.local.steps import Steps
from soh.settings import PROJECT, child_environment

KEPT = PROJECT / ".pytest_cache"
"""What is kept between two runs: a folder of pytest's and a file of ours for each suite."""
_LAST = KEPT / "last.json"

_NO_TEST = 5
"""Exit code of pytest when nothing was selected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One call of pytest, or a few programs."""

    name: str
    folders: tuple[str, ...] = ()
    programs: tuple[tuple[str, ...], ...] = ()
    """Instead of pytest: programs of the Airflow environment with their arguments."""
    spark: bool = False
    platform: bool = False
    """It runs a whole copy, which may be kept."""
    browser: bool = False
    on_request: bool = False
    """It runs only when it is named, and may be empty."""


LINT = Suite(name="lint", programs=(("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)))
UNIT = Suite(name="unit", folders=("tests/unit", "tests/architecture"))
SUITES = (
    LINT,
    UNIT,
    Suite(name="dags", folders=("tests/dags",)),
    Suite(name="spark", folders=("tests/spark",), spark=True),
    Suite(name="integration", folders=("tests/integration",)),
    Suite(name="e2e", folders=("tests/end_to_end",), platform=True, browser=True),
    Suite(name="soak", folders=("tests/soak",), platform=True, on_request=True),
)


class Selection(StrEnum):
    """Which tests of a suite are run."""

    ALL = "all"
    NOT_PASSED = "those that have not passed on this state of the files"
    LAST_FAILED = "those that failed last, on another state of the files"
    PASSED_HERE = "none: all passed on exactly this state of the files"
    NONE_FAILED = "none: nothing failed last, but that was on another state of the files"

    @property
    def runs(self) -> bool:
        return self not in {Selection.PASSED_HERE, Selection.NONE_FAILED}


class Verdict(StrEnum):
    """How a suite ended."""

    PASSED = "passed"
    FAILED = "FAILED"
    NOT_RUN = "not run"
    NO_MATCH = "no match"
    NO_TESTS = "no tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for on the command line."""

    suites: tuple[Suite, ...]
    failed: bool = False
    keyword: str = ""
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one suite went."""

    suite: Suite
    verdict: Verdict
    selection: Selection
    seconds: float


def chosen(names: Sequence[str], *, keyword: str = "") -> tuple[Suite, ...]:
    """The named suites in this order, or all that need not be asked for; lint goes before unit.

    Raises BadInput for a name that is no suite.
    """
    known = {suite.name: suite for suite in SUITES}
    if unknown := [name for name in names if name not in known]:
        raise BadInput(f"no test suite {', '.join(unknown)}; there are: {', '.join(known)}")
    found = [known[name] for name in dict.fromkeys(names)] or [suite for suite in SUITES if not suite.on_request]
    if UNIT in found and LINT not in found:
        found.insert(found.index(UNIT), LINT)
    return tuple(suite for suite in found if not (keyword and suite.programs))


def select(outcomes: Outcomes, state: str, *, last: str, red: bool) -> Selection:
    """What `--failed` runs of a suite on `state` of the files.

    `last` is the state on which the last run began, and `red` tells whether pytest knows failures of the suite.
    """
    if outcomes.tree == state:
        return Selection.PASSED_HERE if outcomes.whole else Selection.NOT_PASSED
    if last == state:
        # The last run did not get there.
        return Selection.ALL
    return Selection.LAST_FAILED if red else Selection.NONE_FAILED


def judge(code: int, suite: Suite, selection: Selection, *, keyword: str) -> Verdict:
    """The verdict on a suite by pytest's exit code; that nothing was selected is red unless it was to be expected."""
    if code == _NO_TEST and (keyword or selection is not Selection.ALL):
        return Verdict.NO_MATCH
    if code == _NO_TEST and suite.on_request:
        return Verdict.NO_TESTS
    return Verdict.PASSED if code == 0 else Verdict.FAILED


def is_green(results: Sequence[Result]) -> bool:
    """Nothing is red, and something is as it should be: of what was asked for not all was left out."""
    if any(result.verdict is Verdict.FAILED for result in results):
        return False
    return any(
        result.verdict in {Verdict.PASSED, Verdict.NO_TESTS} or result.selection is Selection.PASSED_HERE
        for result in results
    )


def run(names: Sequence[str], *, failed: bool = False, keyword: str = "", keep: bool = False) -> int:
    """Run the named suites, or all, and sum up; the exit code is 0 when nothing is red and something passed.

    `failed` goes on where the last run was red, `keyword` is pytest's `-k`, and `keep` leaves the copy of the
    end-to-end tests running. Raises BadInput for a name that is no suite.
    """
    last_state, last_names = _last_run()
    suites = chosen(names or (last_names if failed else ()), keyword=keyword)
    wish = Wish(suites=suites, failed=failed, keyword=keyword, keep=keep)
    state = tree.digest(PROJECT)
    if not keyword:
        KEPT.mkdir(exist_ok=True)
        _LAST.write_text(json.dumps({"tree": state, "suites": [suite.name for suite in wish.suites]}))
    results: list[Result] = []
    try:
        for suite in wish.suites:
            results.append(_run(suite, wish, state, last_state))  # noqa: PERF401
    except KeyboardInterrupt:
        print("\nInterrupted; ./soh test --failed goes on from here.")
    lines = [_summary(result) for result in results]
    if not keyword:
        lines += budget.report(budget.read(), _measured(results))
    elif all(result.verdict is Verdict.NO_MATCH for result in results):
        lines.append(f"  No test has a name that matches {keyword!r}.")
    print("\n=== Summary", *lines, sep="\n")
    if any(result.selection in {Selection.LAST_FAILED, Selection.NONE_FAILED} for result in results):
        print("  What had passed was of another state of the files; ./soh test --failed runs what is left on this one.")
    return 0 if is_green(results) and len(results) == len(wish.suites) else 1


def _last_run() -> tuple[str, list[str]]:
    """The state of the files and the names of the suites."""
    if not _LAST.exists():
        return "", []
    kept = json.loads(_LAST.read_text())
    return kept["tree"], kept["suites"]


def _run(suite: Suite, wish: Wish, state: str, last: str) -> Result:
    outcomes = Outcomes(_outcomes_file(suite))
    selection = Selection.ALL
    if wish.failed:
        selection = select(outcomes, state, last=last, red=_was_red(suite, outcomes))
    print(f"\n=== {suite.name}: {' '.join(suite.folders) or 'ruff, mypy'}", flush=True)
    if wish.failed:
        print(f"  {selection}", flush=True)
    if not selection.runs:
        return Result(suite=suite, verdict=Verdict.NOT_RUN, selection=selection, seconds=0)
    if suite.browser:
        with Steps(sys.stdout).step("Browser") as say:
            say(ensure_browser())
    began = time.monotonic()
    if suite.programs:
        outcomes.begin(state)
        code = _programs(suite)
        outcomes.end(whole=code == 0)
    else:
        code = _pytest(suite, _options(suite, selection, wish, state))
    verdict = judge(code, suite, selection, keyword=wish.keyword)
    return Result(suite=suite, verdict=verdict, selection=selection, seconds=time.monotonic() - began)


def _was_red(suite: Suite, outcomes: Outcomes) -> bool:
    if suite.programs:
        return not outcomes.whole
    failures = KEPT / suite.name / "v" / "cache" / "lastfailed"
    return failures.exists() and bool(json.loads(failures.read_text()))


def _outcomes_file(suite: Suite) -> Path:
    return KEPT / f"{suite.name}.outcomes"


def _options(suite: Suite, selection: Selection, wish: Wish, state: str) -> list[str]:
    """What pytest is told, beside the folders."""
    options = ["-o", f"cache_dir={KEPT / suite.name}", "--outcomes", str(_outcomes_file(suite)), "--tree", state]
    # tests/progress.py has lines of its own.
    options += ["-o", "console_output_style=classic", "-o", "verbosity_test_cases=-1"]
    if selection is Selection.NOT_PASSED:
        options += ["--not-passed"]
    if selection is Selection.LAST_FAILED:
        options += ["--last-failed", "--last-failed-no-failures=none"]
    if wish.keyword:
        options += ["-k", wish.keyword]
    if wish.keep and suite.platform:
        options += ["--keep"]
    return options


def _pytest(suite: Suite, options: Sequence[str]) -> int:
    python = SPARK_PYTHON if suite.spark else AIRFLOW_PYTHON
    path = os.pathsep.join((str(python.parent), str(java_home() / "bin"), os.defpath))
    environment = child_environment(
        PATH=path,
        JAVA_HOME=str(java_home()),
        PYSPARK_PYTHON=str(SPARK_PYTHON),
        SPARK_LOCAL_IP="127.0.0.1",
        PYTHONPATH=str(PROJECT / "include"),
    )
    command = [str(python), "-m", "pytest", *suite.folders, *options]
    running = subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL)
    try:
        return running.wait()
    except KeyboardInterrupt:
        # pytest was interrupted as well, and stops the servers that it has started.
        print("\nStopping what the tests have started; interrupt again to leave it running.", flush=True)
        running.wait()
        raise


def _programs(suite: Suite) -> int:
    said, code = [], 0
    steps = Steps(sys.stdout)
    running = steps.begin(suite.name)
    for program, *arguments in suite.programs:
        running.say(" ".join((program, *arguments)))
        command = [str(AIRFLOW_PYTHON.parent / program), *arguments]
        done = subprocess.run(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            said.append(f"{' '.join((program, *arguments))}:\n{done.stdout}")
            code = 1
    running.say(", ".join(dict.fromkeys(program for program, *_ in suite.programs)))
    running.end("✗" if code else "✓")
    print(*said, sep="\n", end="", flush=True)
    return code


def _summary(result: Result) -> str:
    took = f"{result.seconds:6.0f} s" if result.selection.runs else f"         {result.selection}"
    return f"  {result.verdict:<8} {result.suite.name:<12} {took}"


def _measured(results: Sequence[Result]) -> dict[str, budget.Measured]:
    """Of the suites that ran whole; a part of a suite says nothing about its time."""
    return {
        result.suite.name: budget.Measured(
            whole=result.seconds, modules=budget.by_module(Outcomes(_outcomes_file(result.suite)).measured)
        )
        for result in results
        if result.selection is Selection.ALL
    }
