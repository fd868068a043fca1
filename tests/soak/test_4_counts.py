"""After all of it, everything that was sent is in every store, each once."""

from __future__ import annotations

import pytest
from tests.end_to_end.counts import assert_each_once, count_all

from soh.specs import FLEETS


@pytest.fixture(scope="module")
def counts(platform):
    return count_all(platform)


@pytest.mark.parametrize("fleet", FLEETS)
def test_what_kafka_acknowledged_is_in_the_lake_graded_in_the_database_and_on_s3_each_once(counts, fleet):
    if fleet not in counts:
        pytest.skip(f"fleet-{fleet} is off: no recording at hand")
    assert_each_once(counts[fleet])
