"""The night on Spark with its store away: Iceberg and Spark ask again for minutes before they give up."""

from __future__ import annotations

import pytest
from tests.integration.conftest import servers
from tests.integration.test_night import coast, store_goes_away

__all__ = ["coast", "servers"]

pytestmark = pytest.mark.timeout(1200)


def test_spark_names_a_store_that_goes_away_in_the_middle_and_the_next_run_makes_it_good(coast, tmp_path):
    coast.engine = "spark"
    store_goes_away(coast, "append", tmp_path / "flag")
