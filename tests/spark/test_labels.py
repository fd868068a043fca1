"""Which windows have a label, and which are held out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from soh.specs.fleets import HEAT, HYDRAULIC
from soh_spark.labels import join, windows

SECOND = 1_000_000
HEAT_FIELDS = [field.name for field in HEAT.readings.schema.measurements]


def readings(*seconds, facility=100, **values):
    """Readings at these seconds; every measurement is 1 unless it is given."""
    frame = pd.DataFrame({"facility_id": facility, "micros": np.array(seconds) * SECOND, "bucket": 0})
    frame = frame.assign(kafka_partition=0, kafka_offset=frame.index, **dict.fromkeys(HEAT_FIELDS, 1.0))
    return frame.assign(**values)


def inspections(*rows):
    """(from, to, condition, state) or (from, to, condition, state, known at) each, in seconds."""
    full = [(*row, row[1])[:5] for row in rows]
    frame = pd.DataFrame(full, columns=["from_micros", "to_micros", "condition", "state", "known_micros"])
    for column in ("from_micros", "to_micros", "known_micros"):
        frame[column] *= SECOND
    return frame.assign(facility_id=100, bucket=0)


def labelled(found):
    """Offset -> state, of the windows with a label."""
    return {row.kafka_offset: HEAT.states[row.state].value for row in found.itertuples()}


HEALTHY = (0, 600, "healthy", "normal")


def stretches(*findings):
    """Inspections of 100 s each, one after the other; each finding is (condition, state)."""
    return [(100 * n, 100 * (n + 1), *finding) for n, finding in enumerate(findings)]


WELL, WORN, WORSE = ("healthy", "normal"), ("winding_heat", "normal"), ("winding_heat", "caution")
CASES = {
    "all-inside-one": ([0, 5, 60], [HEALTHY], {0: "normal", 1: "normal", 2: "normal"}),
    "before-the-first": ([-5, 0], [HEALTHY], {}),
    "after-the-last": ([599, 600], [HEALTHY], {0: "normal"}),
    "window-begins-before-the-first": ([-5, 54, 55], [HEALTHY], {2: "normal"}),
    "two-of-the-same-finding": ([50, 105], stretches(WELL, WELL), {0: "normal", 1: "normal"}),
    "window-spans-two-states": ([90, 110, 150], stretches(WORN, WORSE), {0: "normal", 2: "caution"}),
    "window-spans-two-conditions": ([90, 110, 150], stretches(WELL, WORN), {0: "normal", 2: "normal"}),
    "window-spans-a-gap-between-two": (
        [50, 105, 210],
        [(0, 100, *WELL), (110, 300, *WELL)],
        {0: "normal", 2: "normal"},
    ),
    "the-later-of-two-counts": ([50], [HEALTHY, (40, 60, "winding_heat", "warning")], {0: "warning"}),
    "a-correction-counts": ([50], [(0, 100, *WORSE, 300), (0, 100, *WELL, 200)], {0: "caution"}),
    "no-inspection": ([0, 5], [], {}),
}


@pytest.mark.parametrize(("seconds", "found", "expected"), CASES.values(), ids=CASES.keys())
def test_windows_have_the_label_of_their_readings(seconds, found, expected):
    assert labelled(windows(readings(*seconds), inspections(*found), HEAT)) == expected


def test_an_inspection_of_another_facility_says_nothing():
    assert windows(readings(0, 5, facility=104), inspections(HEALTHY), HEAT).empty


def test_a_record_that_is_in_the_lake_twice_counts_once():
    once = readings(0, 5, 10, temperature=[1.0, 2.0, 6.0])
    twice = pd.concat((once, once.iloc[[1]]), ignore_index=True)
    pd.testing.assert_frame_equal(windows(twice, inspections(HEALTHY), HEAT), windows(once, inspections(HEALTHY), HEAT))


def test_a_facility_that_stands_still_is_left_out_but_stays_in_the_windows_of_others():
    found = windows(
        readings(0, 5, 10, active_power=[9.0, 0.0, 9.0], temperature=[1.0, 4.0, 1.0]), inspections(HEALTHY), HEAT
    )
    assert sorted(labelled(found)) == [0, 2]
    assert found["temperature_max"].tolist() == [1.0, 4.0]


def test_a_window_with_too_few_readings_is_left_out():
    fields = {field.name: 1.0 for field in HYDRAULIC.readings.schema.measurements}
    cycle = readings(*range(0, 65, 5), facility=100, **fields)
    found = windows(cycle, inspections((0, 600, 7, "normal")), HYDRAULIC)
    assert found["kafka_offset"].tolist() == [11, 12]


@pytest.mark.parametrize(("facility", "held_out"), [(99, True), (100, False), (102, False), (103, True)])
def test_facilities_are_held_out_by_their_number(facility, held_out):
    found = windows(readings(0, facility=facility), inspections(HEALTHY).assign(facility_id=facility), HEAT)
    assert found["held_out"].tolist() == [held_out]


@pytest.mark.parametrize(("condition", "held_out"), [(3, True), (4, False), (6, False), (7, True)])
def test_conditions_are_held_out_by_their_number(condition, held_out):
    fields = {field.name: 1.0 for field in HYDRAULIC.readings.schema.measurements}
    cycle = readings(*range(0, 60, 5), facility=100, **fields)
    found = windows(cycle, inspections((0, 600, condition, "normal")), HYDRAULIC)
    assert found["held_out"].tolist() == [held_out]


def test_spark_joins_every_facility_with_its_own_inspections(spark):
    sent = pd.concat([readings(0, 5, 10, facility=facility) for facility in (100, 101, 164)], ignore_index=True)
    sent["kafka_offset"] = sent.index
    known = pd.concat(
        [inspections((0, 600, "h", state)).assign(facility_id=n) for n, state in ((100, "normal"), (164, "warning"))]
    )
    odd = inspections((0, 600, "h", "on fire")).assign(facility_id=101)
    rows = (
        spark.createDataFrame(sent).selectExpr("*", "timestamp_micros(micros) AS event_time").drop("micros", "bucket")
    )
    grades = spark.createDataFrame(pd.concat((known, odd))).selectExpr(
        *("facility_id", "condition", "state", "timestamp_micros(known_micros) AS event_time"),
        *("timestamp_micros(from_micros) AS from_time", "timestamp_micros(to_micros) AS to_time"),
    )
    found = join(rows, grades, HEAT).toPandas()
    assert labelled(found) == {**dict.fromkeys((0, 1, 2), "normal"), **dict.fromkeys((6, 7, 8), "warning")}
    assert list(found.columns[4:]) == list(HEAT.model.features.names)
