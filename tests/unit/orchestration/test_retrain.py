"""What a training is told about who wants what, and what it says in the end."""

import pytest

from soh.errors import BadInput
from soh.orchestration.retrain import sentence, training_arguments


def params(**changes):
    return {"fleet": "all", "overrule": "none", "by": None} | changes


@pytest.mark.parametrize(
    ("chosen", "user", "arguments"),
    [
        pytest.param({}, None, ["--fleet", "heat"], id="after-the-night"),
        pytest.param({"fleet": "heat"}, "admin", ["--fleet", "heat"], id="this-fleet-alone"),
        pytest.param({"fleet": "hydraulic"}, "admin", None, id="another-fleet-alone"),
        pytest.param({"by": "Kim"}, "admin", ["--fleet", "heat"], id="a-name-that-overrules-nothing"),
        pytest.param(
            {"overrule": "promote"}, "kim", ["--fleet", "heat", "--overrule", "promote", "--by", "kim"], id="signed-in"
        ),
        pytest.param(
            {"overrule": "keep", "by": "Kim"},
            None,
            ["--fleet", "heat", "--overrule", "keep", "--by", "Kim"],
            id="named-only",
        ),
        pytest.param(
            {"overrule": "keep", "by": "Kim"},
            "root",
            ["--fleet", "heat", "--overrule", "keep", "--by", "Kim as root"],
            id="a-name-does-not-hide-the-account",
        ),
    ],
)
def test_training_arguments(chosen, user, arguments):
    assert training_arguments("heat", params(**chosen), user) == arguments


@pytest.mark.parametrize("by", [None, " "])
def test_nobody_overrules_the_gate_without_a_name(by):
    with pytest.raises(BadInput, match="nobody is named"):
        training_arguments("heat", params(overrule="promote", by=by), None)


TRAINED = {"trained": True, "version": "3", "macro_f1": 0.98765, "reason": "better by 0.012"}


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        pytest.param(None, "heat: left out, as asked", id="left-out"),
        pytest.param(
            {"trained": False, "version": None, "macro_f1": None, "promoted": False, "reason": "no inspections yet"},
            "heat: nothing was trained: no inspections yet",
            id="nothing-to-learn-from",
        ),
        pytest.param(
            TRAINED | {"promoted": True},
            "heat: version 3 is champion now, macro-F1 0.988: better by 0.012",
            id="promoted",
        ),
        pytest.param(
            TRAINED | {"promoted": False},
            "heat: version 3 was not promoted, macro-F1 0.988: better by 0.012",
            id="kept-back",
        ),
    ],
)
def test_sentence(figures, expected):
    assert sentence("heat", figures) == expected
