"""Progress of a suite: a line a test with its seconds and those of last time; outcomes are kept for the next time."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Generator, Iterable
from typing import Any

import pytest

from soh.local.outcomes import Outcomes
from soh.local.steps import Step, Steps

A_LINE_EACH = 300
"""Of more tests than these a file has a line."""
WORTH_A_LINE = 1.0
"""Seconds from which on what tests share is told, and timed apart from the test that asks for it first."""


class Lines(Steps):
    """Seconds first, because names of tests are of any length."""

    def layout(self, mark: str, name: str, seconds: float, note: str) -> str:
        return f"  {mark} {seconds:6.1f} s  {note:<17}  {name}"


class Progress:
    """Registered as a plugin by `./soh test`."""

    def __init__(self, config: pytest.Config, lines: Steps) -> None:
        self._config = config
        self._lines = lines
        self._outcomes = Outcomes(config.option.outcomes)
        self._collected: set[str] = set()
        self._keeps = False
        self._a_line_each = True
        self._tests_of: dict[str, list[str]] = defaultdict(list)
        """Tests by the name of their line."""
        self._line: Step | None = None
        self._red: dict[str, str] = {}
        """Why tests of the line failed."""
        self._shared: dict[str, float] = {}
        """Seconds of what the tests share, its end included, as far as it takes long."""
        self._unread = False
        """A module could not be collected."""
        self._apart = 0.0
        """Seconds of the running test that are not its own."""

    # What is selected.

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self._collected = {item.nodeid for item in items}
        # A few tests of another state leave what is known of the last one as it is.
        self._keeps = not self._config.option.keyword or self._outcomes.tree == self._config.option.tree
        if self._keeps:
            self._outcomes.begin(self._config.option.tree)
        if self._config.option.not_passed:
            passed = [item for item in items if item.nodeid in self._outcomes.passed]
            self._config.hook.pytest_deselected(items=passed)
            items[:] = [item for item in items if item.nodeid not in self._outcomes.passed]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._a_line_each = len(session.items) <= A_LINE_EACH
        for item in session.items:
            self._tests_of[self._name(item)].append(item.nodeid)

    def pytest_report_collectionfinish(self, items: list[pytest.Item]) -> list[str]:
        known = self._outcomes.seconds
        expected = sum(known.get(item.nodeid, 0.0) for item in items)
        new = sum(item.nodeid not in known for item in items)
        return [f"expected: {expected / 60:.1f} min" + (f", and {new} tests that are new here" if new else "")]

    # What is told meanwhile.

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, Any, tuple[str, str, Any]]:
        category, _, word = yield
        return category, "", word

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        name = self._name(item)
        if self._line is None:
            self._line = self._lines.begin(name)
            self._line.say(self._expected(self._tests_of[name]))
        self._apart, began = 0.0, time.monotonic()
        try:
            result = yield
        except BaseException:
            self._end_line("✗")
            raise
        self._keep(item.nodeid, time.monotonic() - began - self._apart, passed=item.nodeid not in self._red)
        if nextitem is None or self._name(nextitem) != name:
            self._end_line("✗" if self._red else "✓")
        return result

    def _end_line(self, mark: str) -> None:
        if self._line is not None:
            self._line.end(mark)
        for test, reason in self._red.items():
            self._lines.tell(f"      {test.partition('::')[2]}: {reason}")
        self._line, self._red = None, {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            said = str(crash.message if crash else report.longrepr).splitlines()
            self._red.setdefault(report.nodeid, said[0][:160] if said else "")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._unread |= report.failed

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        line, shared = self._line, fixturedef.argname
        if fixturedef.scope != "session" or line is None:
            return (yield)
        began, apart, name, note = time.monotonic(), self._apart, line.name, line.note
        line.name, line.note = f"{shared}, for {name}", self._expected([shared])
        try:
            return (yield)
        finally:
            line.name, line.note = name, note
            seconds = time.monotonic() - began - (self._apart - apart)
            if seconds >= WORTH_A_LINE:
                self._lines.tell(self._lines.layout("·", shared, seconds, self._expected([shared])))
                self._set_apart(line, shared, seconds)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> Generator[None, object, object]:
        began = time.monotonic()
        try:
            return (yield)
        finally:
            if nextitem is None and self._shared and self._line:
                self._set_apart(self._line, next(iter(self._shared)), time.monotonic() - began)

    def _set_apart(self, line: Step, shared: str, seconds: float) -> None:
        self._shared[shared] = self._shared.get(shared, 0.0) + seconds
        self._keep(shared, self._shared[shared])
        self._apart += seconds
        line.began += seconds

    # What is kept.

    def _keep(self, name: str, seconds: float, *, passed: bool = True) -> None:
        if self._keeps:
            self._outcomes.add(name, seconds, passed=passed)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        if not self._keeps or self._config.option.lf:
            return
        whole = not self._unread and self._collected <= self._outcomes.passed
        self._outcomes.end(whole=whole)
        if whole and self._config.cache:
            # Tests that failed once and exist no longer would be waited for.
            self._config.cache.set("cache/lastfailed", {})

    def _name(self, item: pytest.Item) -> str:
        return item.nodeid if self._a_line_each else item.nodeid.partition("::")[0]

    def _expected(self, names: Iterable[str]) -> str:
        known = [self._outcomes.seconds.get(name) for name in names]
        return "" if None in known else f"expected {sum(filter(None, known)):.1f} s"
