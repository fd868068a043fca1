"""What a fold takes, how far it gets, and what may go."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from soh.errors import BadInput
from soh.lake.folding import Gap, from_text, missing, moved_between, plan, settled, to_text
from soh.specs.landing import LandedObject

HOUR = datetime(2026, 5, 1, 3, tzinfo=UTC)


def landed(partition: int, first: int, last: int, hour: datetime = HOUR) -> LandedObject:
    return LandedObject(topic="heat_pf", partition=partition, first=first, last=last, hour=hour)


A, B, C = landed(0, 0, 9), landed(0, 10, 19), landed(0, 20, 29)
LATER_B = landed(0, 10, 19, HOUR.replace(hour=4))
OTHER = landed(1, 500, 509)


@pytest.mark.parametrize(
    ("objects", "consumed", "read", "delete", "start"),
    [
        pytest.param([], {}, [], [], {}, id="nothing-landed"),
        pytest.param([A, B, OTHER], {}, [A, B, OTHER], [], {0: 0, 1: 500}, id="the-first-fold-begins-where-they-do"),
        pytest.param([A, B, C], {0: 20}, [C], [A, B], {0: 20}, id="consumed-ones-go"),
        pytest.param([B, C], {0: 15}, [B, C], [], {0: 15}, id="one-that-is-consumed-in-part-is-read"),
        pytest.param([A, B], {0: 20}, [], [A, B], {0: 20}, id="left-by-a-run-that-died"),
        pytest.param([B, LATER_B], {0: 10}, [B, LATER_B], [], {0: 10}, id="duplicates-are-read-both"),
        pytest.param([C], {0: 10, 7: 3}, [C], [], {0: 10, 7: 3}, id="in-front-of-a-gap-it-begins-where-it-ended"),
        pytest.param([OTHER], {0: 30}, [OTHER], [], {0: 30, 1: 500}, id="a-new-partition"),
        pytest.param([landed(0, 0, 0)], {0: 0}, [landed(0, 0, 0)], [], {0: 0}, id="the-next-record-alone"),
    ],
)
def test_objects_are_read_from_the_consumed_positions_on_and_go_when_all_of_theirs_is_consumed(
    objects, consumed, read, delete, start
):
    planned = plan(objects, consumed)
    assert (list(planned.read), list(planned.delete), planned.start) == (read, delete, start)


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        pytest.param([A, B], [A, B], [A, B], id="nothing-arrived-meanwhile"),
        pytest.param([A, C], [A, B, C], [A, B, C], id="one-that-arrived-behind-the-listing-s-back"),
        pytest.param([C], [A, B, C], [A, B, C], id="before-the-first-ever"),
        pytest.param([A], [A, B, C], [A], id="what-only-the-later-one-knows-waits"),
        pytest.param([A], [A, OTHER], [A], id="a-partition-that-the-earlier-one-did-not-see"),
        pytest.param([A, B], [A, B, LATER_B], [A, B, LATER_B], id="a-duplicate"),
    ],
)
def test_no_object_is_taken_before_those_in_front_of_it(earlier, later, expected):
    assert settled(earlier, later) == expected


def test_positions_survive_the_summary_of_a_snapshot():
    assert from_text(to_text({2: 7, 0: 10**12})) == {0: 10**12, 2: 7}
    assert to_text({2: 7, 0: 1}) == '{"0": 1, "2": 7}'


@pytest.mark.parametrize("text", ["", "[]", '{"0": "1"}', '{"0": -1}', '{"zero": 1}', '{"0": true}', "7"])
def test_a_summary_that_holds_no_positions_is_refused(text):
    with pytest.raises(BadInput, match="in the summary of a snapshot is not"):
        from_text(text)


def test_offsets_without_a_record_are_counted():
    assert missing({0: 10, 1: 0}, {0: 20, 1: 5}, {0: 8, 1: 5}) == 2
    assert missing({0: 10, 1: 3}, {0: 10, 1: 3}, {}) == 0
    assert str(Gap(partition=1, first=3, last=1003)) == "partition 1: 1,001 records from offset 3 to 1003"


def test_a_fold_that_did_not_begin_where_the_last_one_ended_is_told_by_partition():
    assert moved_between({0: 5, 1: 7}, {0: 5, 1: 7, 2: 0}) == []
    assert moved_between({0: 5, 1: 7}, {0: 2}) == [
        "partition 0 was consumed up to 5 by the fold before, and read from 2",
        "partition 1 was consumed up to 7 by the fold before, and read from None",
    ]
