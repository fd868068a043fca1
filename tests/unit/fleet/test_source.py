import numpy as np
import pytest

from soh.fleet.source import rounds


@pytest.mark.parametrize(
    ("which", "parts"),
    [
        pytest.param([], [], id="nobody"),
        pytest.param([4], [[0]], id="one"),
        pytest.param([2, 0, 1], [[0, 1, 2]], id="each-once"),
        pytest.param([0, 1, 0, 1], [[0, 1], [2, 3]], id="two-periods"),
        pytest.param([0, 1, 2, 0, 0], [[0, 1, 2], [3], [4]], id="one-facility-more-often"),
    ],
)
def test_rounds_hold_a_facility_once_each_and_keep_the_order_of_time(which, parts):
    assert [part.tolist() for part in rounds(np.array(which, dtype=np.int64)) if len(part)] == parts
