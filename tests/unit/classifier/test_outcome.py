"""What an app has left of a training, read as what somebody may have edited."""

import json

import pytest

from soh.classifier.outcome import Outcome, parse
from soh.errors import BadInput

FIGURES = {"app_id": "application_1_1", "figures": {"version": 3}}
FAILURE = {"app_id": "application_1_1", "error": "S3 is away", "try_again": True}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(FIGURES, Outcome(app_id="application_1_1", figures={"version": 3}), id="figures"),
        pytest.param(FAILURE, Outcome(app_id="application_1_1", error="S3 is away", try_again=True), id="failure"),
    ],
)
def test_an_outcome_is_read(said, expected):
    assert parse(json.dumps(said), "here") == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("{", "Expecting", id="no-json"),
        pytest.param("[]", "mapping", id="no-object"),
        pytest.param("{}", "app_id", id="nothing"),
        pytest.param(json.dumps(FIGURES | {"app_id": 7}), "app_id is 7; it must be a str", id="no-id"),
        pytest.param(json.dumps(FIGURES | {"figures": [3]}), "figures is \\[3\\]; it must be a dict", id="no-figures"),
        pytest.param(json.dumps(FAILURE | {"error": 7}), "error is 7; it must be a str", id="no-sentence"),
        pytest.param(
            json.dumps(FAILURE | {"try_again": 1}), "try_again is 1; it must be a bool", id="neither-yes-nor-no"
        ),
        pytest.param(json.dumps(FAILURE | FIGURES), "figures beside the error", id="both"),
        pytest.param(json.dumps(FIGURES | {"seconds": 9}), "seconds", id="unknown-word"),
    ],
)
def test_anything_else_is_refused_by_its_place_and_what_to_do(text, complaint):
    with pytest.raises(BadInput, match=f"^here does not tell .*{complaint}.*delete it and train again$"):
        parse(text, "here")
