import json
from contextlib import ExitStack

from tests.spark.lake_tables import DAY, append, dropped

import compact_day
from soh.specs.tables import HYDRAULIC_RAW
from soh.specs.views import views_of
from soh_spark.schema import ensure_table


def test_the_app_packs_a_day_views_it_and_leaves_the_figures_of_both(spark, tmp_path):
    target = tmp_path / "figures.json"
    told = []
    with ExitStack() as places:
        for stored in (HYDRAULIC_RAW, *views_of(HYDRAULIC_RAW)):
            places.enter_context(dropped(spark, stored))
        ensure_table(spark, HYDRAULIC_RAW)
        for offset in range(0, 60, 10):
            append(spark, HYDRAULIC_RAW, offset)
        for _ in range(2):
            compact_day.main(["--table", HYDRAULIC_RAW.name, "--day", str(DAY), "--result", target.as_uri()])
            told.append(json.loads(target.read_text()))
    first, again = told
    assert (first["table"], first["compacted"], first["rows"]) == ("hydraulic_raw", True, 60)
    assert [(view["view"], view["source_rows"], view["refreshed"]) for view in first["views"]] == [
        ("hydraulic_hourly", 60, True),
        ("hydraulic_daily", 60, True),
    ]
    assert not again["compacted"]
    assert not [view for view in again["views"] if view["refreshed"]]
