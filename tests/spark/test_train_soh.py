"""The app that trains fleets in turn: what it leaves of each, and what a failure of one does to the next."""

from __future__ import annotations

import pytest
from tests.spark.lake_tables import dropped

import train_soh
from soh.classifier.outcome import parse
from soh.errors import BadInput, ServerUnreachable
from soh.specs.fleets import HEAT, HYDRAULIC


@pytest.mark.parametrize(
    ("broken", "error", "try_again"),
    [
        pytest.param(ServerUnreachable("the registry is away"), "the registry is away", True, id="may-be-gone"),
        pytest.param(BadInput("no such bucket"), "no such bucket", False, id="stays"),
        pytest.param(ValueError("of no\n  use"), "ValueError: of no use", False, id="nobody-thought-of"),
    ],
)
def test_a_fleet_that_fails_leaves_why_and_the_next_one_its_figures(
    spark, tmp_path, monkeypatch, broken, error, try_again
):
    def enrolment(spark):
        if not (tmp_path / "heat.json").exists():
            raise broken

    monkeypatch.setattr(train_soh, "open_session", lambda settings: spark)
    monkeypatch.setattr(train_soh, "enrolment", enrolment)
    for name in ("registry", "artefacts"):
        monkeypatch.setattr(train_soh, name, lambda spark: None)
    with dropped(spark, HYDRAULIC.table), dropped(spark, HYDRAULIC.inspections_table):
        train_soh.main(["--fleets", HEAT.name, HYDRAULIC.name, "--results", tmp_path.as_uri()])

    heat, hydraulic = (parse((tmp_path / f"{fleet}.json").read_text(), fleet) for fleet in ("heat", "hydraulic"))
    assert (heat.error, heat.try_again, heat.figures) == (error, try_again, None)
    assert (hydraulic.error, hydraulic.figures["model"]) == (None, HYDRAULIC.model.name)
    assert hydraulic.figures["reason"].startswith("the lake has no table")
    assert {heat.app_id, hydraulic.app_id} == {spark.sparkContext.applicationId}


@pytest.mark.parametrize("words", [["--overrule", "promote"], ["--by", "Kim"], ["--overrule", "yes", "--by", "Kim"]])
def test_the_gate_is_not_overruled_without_a_name_nor_a_name_given_for_nothing(words):
    with pytest.raises(SystemExit):
        train_soh.main(["--fleets", "heat", "--results", "file:///nowhere", *words])
