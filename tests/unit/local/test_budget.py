"""Minutes of the tests against those that were declared."""

from soh.local import budget
from soh.local.budget import Measured, by_module, report

BUDGET = {"unit": {"all": 60}, "integration": {"all": 600, "servers": 60, "test_kafka": 120}}


def over(lines):
    return [line.split()[0] for line in lines if line.endswith("over its budget")]


def test_seconds_are_summed_up_by_module_and_what_is_shared_keeps_its_name():
    seconds = {"tests/integration/test_kafka.py::test_a": 1.5, "tests/integration/test_kafka.py::test_b[x::y]": 2}
    assert by_module({**seconds, "servers": 30}) == {"test_kafka": 3.5, "servers": 30}


def test_suites_are_listed_with_minutes_and_the_sum_of_those_that_ran():
    lines = report(BUDGET, {"unit": Measured(whole=30, modules={}), "integration": Measured(whole=300, modules={})})
    assert [line.split() for line in lines[1:]] == [
        ["unit", "0.5", "1.0"],
        ["integration", "5.0", "10.0"],
        ["all", "5.5", "11.0"],
    ]


def test_a_suite_and_a_module_over_their_budget_are_warned_of():
    modules = {"servers": 59.0, "test_kafka": 121.0, "test_that_is_not_declared": 900.0}
    assert over(report(BUDGET, {"integration": Measured(whole=601, modules=modules)})) == ["integration", "test_kafka"]


def test_a_suite_without_a_budget_is_not_compared():
    assert report(BUDGET, {"soak": Measured(whole=7200, modules={})}) == []


def test_the_file_is_read():
    assert budget.read()["e2e"]["all"] > 0
