"""The budget of the tests' minutes names every module that runs servers, and keeps the whole short."""

import pytest

from soh.local import budget
from soh.local.suites import LINT, SUITES, UNIT
from soh.settings import PROJECT

BUDGET = budget.read()
DEFAULT = [suite for suite in SUITES if not suite.on_request]
LONGEST = 40 * 60
QUICK = 60
"""Seconds for what is run before every commit."""


def test_every_suite_that_runs_by_default_has_a_budget_and_no_other():
    assert set(BUDGET) == {suite.name for suite in DEFAULT}


@pytest.mark.parametrize("name", ["integration", "e2e"])
def test_every_module_that_runs_servers_is_in_the_budget_and_every_one_there_exists(name):
    (folders,) = (suite.folders for suite in SUITES if suite.name == name)
    modules = {path.stem for folder in folders for path in (PROJECT / folder).glob("test_*.py")}
    assert {part for part in BUDGET[name] if part.startswith("test_")} == modules


@pytest.mark.parametrize("suite", BUDGET)
def test_the_parts_of_a_suite_fit_into_it(suite):
    parts = sum(seconds for name, seconds in BUDGET[suite].items() if name != budget.WHOLE)
    assert parts <= BUDGET[suite][budget.WHOLE]


def test_the_whole_is_short():
    assert sum(seconds[budget.WHOLE] for seconds in BUDGET.values()) <= LONGEST
    assert BUDGET[LINT.name][budget.WHOLE] + BUDGET[UNIT.name][budget.WHOLE] <= QUICK
