from datetime import date

import pytest

from soh.lake.content import NOTHING, Sums, after_undo, differences, shortened, total

DAY = date(2026, 5, 1)
A, B, C = (DAY, 100), (DAY, 101), (DAY, 102)


def sums(rows: int, hash_: int) -> Sums:
    return Sums(rows=rows, hash=hash_)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({}, {}, [], id="nothing"),
        pytest.param({A: sums(2, 7), B: sums(1, -5)}, {B: sums(1, -5), A: sums(2, 7)}, [], id="equal"),
        pytest.param({A: NOTHING}, {}, [], id="no-rows-is-nothing"),
        pytest.param({A: sums(2000, 7)}, {A: sums(1999, 7)}, ["2,000 rows before, 1,999 after"], id="row-lost"),
        pytest.param({A: sums(2, 7)}, {}, ["2 rows before, 0 after"], id="facility-lost"),
        pytest.param({}, {A: sums(2, 7)}, ["0 rows before, 2 after"], id="facility-made-up"),
        pytest.param({A: sums(2, 7)}, {A: sums(2, 8)}, ["2 rows with hash 7 before, 8 after"], id="value-changed"),
    ],
)
def test_differences_name_the_facility_and_its_figures(before, after, expected):
    assert differences(before, after) == [f"facility 100 on 2026-05-01: {figures}" for figures in expected]


@pytest.mark.parametrize(
    ("current", "wrong", "right", "expected"),
    [
        pytest.param({A: sums(1, 3)}, {A: sums(1, 3)}, {A: sums(2, 7)}, {A: sums(2, 7)}, id="nothing-appended"),
        pytest.param({A: sums(4, 13)}, {A: sums(1, 3)}, {A: sums(2, 7)}, {A: sums(5, 17)}, id="appended-meanwhile"),
        pytest.param({B: sums(1, 9)}, {}, {A: sums(2, 7)}, {A: sums(2, 7), B: sums(1, 9)}, id="a-facility-comes-back"),
        pytest.param({C: sums(1, 4)}, {C: sums(1, 4)}, {}, {}, id="a-facility-made-up-goes"),
    ],
)
def test_an_undo_brings_back_what_was_there_and_keeps_what_was_appended(current, wrong, right, expected):
    assert after_undo(current=current, wrong=wrong, right=right) == expected


def test_the_total_is_over_all_facilities():
    assert total({A: sums(2, 7), B: sums(1, -9)}) == sums(3, -2)


def test_a_long_list_is_cut_and_counted():
    assert shortened(["a", "b", "c"], at_most=2) == "a; b; and 1 more"
    assert shortened(["a", "b"], at_most=2) == "a; b"
