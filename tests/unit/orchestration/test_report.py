"""The sum of a night."""

from __future__ import annotations

from soh.orchestration.report import report, summed_up


def test_numbers_are_added_by_name_and_words_are_not():
    heat = {"table": "heat_raw", "rows": 10, "bytes": 2.5, "rewritten": True, "reason": None}
    hydraulic = {"table": "hydraulic_raw", "rows": 5, "late": 1}
    assert summed_up({"heat_raw": heat, "hydraulic_raw": hydraulic}) == {"rows": 15, "bytes": 2.5, "late": 1}


def test_a_report_has_every_table_and_every_fold_by_its_name_and_the_totals():
    told = report.function("2026-01-14", {"heat_raw": {"rows": 10}}, {"heat_pf": {"rows": 3, "missing": 1}})
    landings = {"heat_pf": {"rows": 3, "missing": 1}, "total": {"rows": 3, "missing": 1}}
    assert told == {"day": "2026-01-14", "heat_raw": {"rows": 10}, "total": {"rows": 10}, "landings": landings}
