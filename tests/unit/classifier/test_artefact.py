"""What is refused before a library for models is asked."""

from __future__ import annotations

import json

import pytest

from soh.classifier.artefact import decode, sha256
from soh.errors import ModelRefused
from soh.specs.models import SOH_HEAT, SOH_HYDRAULIC

GOOD = {
    "model": "soh_heat",
    "states": ["normal", "caution", "warning"],
    "features": list(SOH_HEAT.features.names),
    "window_seconds": 60.0,
    "booster": 7,
}


@pytest.mark.parametrize(
    ("artefact", "says"),
    [
        pytest.param(b"", "is not JSON", id="empty"),
        pytest.param(b"\x80\x04}", "is not JSON", id="pickle"),
        pytest.param(b"[]", "is not a JSON object", id="list"),
        pytest.param(b"{}", "has model None, but 'soh_heat'", id="nothing-in-it"),
        pytest.param({**GOOD, "model": "soh_hydraulic"}, "has model 'soh_hydraulic'", id="another-model"),
        pytest.param({**GOOD, "states": ["normal", "warning"]}, "has states", id="other-states"),
        pytest.param({**GOOD, "states": GOOD["states"][::-1]}, "has states", id="states-in-another-order"),
        pytest.param({**GOOD, "features": GOOD["features"][::-1]}, "has features", id="features-in-another-order"),
        pytest.param({**GOOD, "window_seconds": 30.0}, "has window_seconds 30.0", id="another-window"),
    ],
)
def test_an_artefact_is_refused(artefact, says):
    content = artefact if isinstance(artefact, bytes) else json.dumps(artefact).encode()
    with pytest.raises(ModelRefused, match=says):
        decode(content, SOH_HEAT)


def test_a_refusal_says_what_to_do():
    with pytest.raises(ModelRefused, match="soh_retrain"):
        decode(json.dumps(GOOD).encode(), SOH_HYDRAULIC)


def test_the_hash_is_that_of_the_standard():
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
