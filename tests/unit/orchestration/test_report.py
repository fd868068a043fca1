"""The sum of a night."""

from __future__ import annotations

from soh.orchestration.report import report, summed_up


def test_numbers_are_added_by_name_and_words_are_not():
    heat = {"table": "heat_raw", "rows": 10, "bytes": 2.5, "rewritten": True, "reason": None}
    hydraulic = {"table": "hydraulic_raw", "rows": 5, "late": 1}
    assert summed_up({"heat_raw": heat, "hydraulic_raw": hydraulic}) == {"rows": 15, "bytes": 2.5, "late": 1}


def test_a_report_has_every_table_every_fold_and_every_view_by_its_name_and_the_totals():
    hourly, graded = {"view": "heat_hourly", "rows": 24}, {"view": "heat_grades_hourly", "rows": 2}
    packed = {"rows": 10, "views": [hourly]}
    fold = {"table": "heat_grades", "rows": 3, "missing": 1, "compaction": {"rows": 5}, "views": [graded]}
    told = report.function("2026-01-14", {"heat_raw": packed}, {"heat_pf": fold})
    assert told == {
        "day": "2026-01-14",
        "heat_raw": {"rows": 10},
        "heat_grades": {"rows": 5},
        "total": {"rows": 15},
        "landings": {
            "heat_pf": {"table": "heat_grades", "rows": 3, "missing": 1},
            "total": {"rows": 3, "missing": 1},
        },
        "views": {"heat_hourly": hourly, "heat_grades_hourly": graded},
    }
