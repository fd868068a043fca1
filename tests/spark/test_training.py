"""A whole training on a lake of its own: what is registered, promoted, and said."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import pandas as pd
import pytest
from tests.spark import rig
from tests.spark.lake_tables import dropped

from soh.classifier.artefact import decode, sha256
from soh.classifier.gate import Overrule
from soh.classifier.registry import ModelVersion
from soh.errors import ArtefactMissing
from soh.fleet.recording import Recording
from soh.lake.figures import to_json
from soh.specs.fleets import HYDRAULIC
from soh_spark.schema import ensure_table, table_type
from soh_spark.training import Models, train

SPEC = HYDRAULIC.model
EVERY = 4
"""One cycle of so many is in the small lake: both sides of the hold-out have all four states in it."""


class Kept:
    """Registry, enrolment and store in memory: what a training asks of them, and what it leaves."""

    def __init__(self):
        self.artefacts, self.versions, self.champion_version, self.runs = {}, [], None, []

    def put(self, name, artefact):
        uri = f"s3://models/{name}"
        self.artefacts[uri] = artefact
        return uri

    def get(self, uri, sha256):
        if uri not in self.artefacts:
            raise ArtefactMissing(f"{uri} is gone")
        return self.artefacts[uri]

    def champion(self, model_name):
        return self.versions[self.champion_version - 1] if self.champion_version else None

    def register(self, spec, artefact, trained_at, *, parameters, metrics, tags):
        number = len(self.versions) + 1
        self.versions.append(
            ModelVersion(
                model=spec.name, version=number, uri=artefact, sha256=tags["sha256"], size=tags["size"],
                macro_f1=tags["macro_f1"], promoted_at=None, reason=tags["reason"], created_at=trained_at,
            )
        )  # fmt: skip
        self.runs.append((parameters, metrics))
        return number

    def promote(self, spec, version):
        self.champion_version = version

    @property
    def models(self):
        return Models(registry=self, enrolment=self, artefacts=self)


def write(spark, table, records):
    """Append records (times in epoch seconds) to a table of the lake."""
    times = [name for name in ("event_time", "from_time", "to_time") if name in records]
    rows = records.assign(seq=range(len(records)), event_date=datetime(2026, 5, 28, tzinfo=UTC).date())
    rows = rows.assign(**{name: pd.to_datetime(rows[name], unit="s") for name in [*times]})
    rows["kafka_timestamp"] = rows["event_time"]
    schema = table_type(table)
    spark.createDataFrame(rows[schema.names], schema=schema).writeTo(table.identifier).append()


@pytest.fixture(scope="module")
def lake(spark):
    """The two tables of the fleet with a part of the rig's recording."""
    whole = rig.recording()
    part = Recording(values=whole.values[::EVERY], grades=whole.grades[::EVERY])
    readings, inspections = rig.played(part)
    with dropped(spark, HYDRAULIC.table), dropped(spark, HYDRAULIC.inspections_table):
        for table, records in ((HYDRAULIC.table, readings), (HYDRAULIC.inspections_table, inspections)):
            ensure_table(spark, table)
            write(spark, table, records)
        yield spark


def test_a_lake_without_tables_or_labels_trains_nothing_and_says_so(spark):
    kept = Kept()
    with dropped(spark, HYDRAULIC.table), dropped(spark, HYDRAULIC.inspections_table):
        found = train(spark, HYDRAULIC, kept.models, None)
        assert (found.trained, found.promoted) == (False, False)
        assert found.reason == "the lake has no table hydraulic_raw and no hydraulic_inspections yet"
        ensure_table(spark, HYDRAULIC.table)
        ensure_table(spark, HYDRAULIC.inspections_table)
        found = train(spark, HYDRAULIC, kept.models, None)
    assert found.reason.startswith("too few labels among 0 labelled windows")
    assert (kept.versions, kept.artefacts) == ([], {})


def test_training_promotes_compares_and_keeps_back(lake):
    kept = Kept()
    first = train(lake, HYDRAULIC, kept.models, Overrule(promote=True, by="the tests"))
    assert (first.trained, first.promoted, first.champion) == (True, True, None)
    assert first.taught + first.held_out == first.windows
    version = kept.champion(SPEC.name)
    artefact = kept.artefacts[version.uri]
    assert (version.sha256, version.size) == (sha256(artefact), len(artefact))
    assert decode(artefact, SPEC).states == SPEC.states
    parameters, metrics = kept.runs[0]
    assert (parameters["hold_out"], parameters["windows"]) == ("condition % 4 == 3", first.windows)
    assert metrics["f1_caution"] == first.class_f1["caution"]

    second = train(lake, HYDRAULIC, kept.models, Overrule(promote=False, by="Kim"))
    assert (second.promoted, second.version, second.champion.version) == (False, 2, 1)
    assert second.champion.macro_f1 == second.macro_f1 == first.macro_f1, "same lake, same model"
    assert kept.champion_version == 1
    assert second.reason == kept.versions[1].reason

    kept.artefacts.pop(version.uri)
    third = train(lake, HYDRAULIC, kept.models, Overrule(promote=True, by="the tests"))
    assert (third.promoted, third.champion, kept.champion_version) == (True, None, 3)
    assert "the champion, version 1, could not be compared" in third.reason

    said = json.loads(to_json(asdict(third)))
    assert said["fleet"] == "hydraulic"
    assert said["version"] == 3
    assert set(said["seconds"]) == {"windows", "fit", "gate", "register"}
