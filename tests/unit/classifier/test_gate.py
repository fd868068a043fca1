"""Which challengers become champion, and what is said about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from soh.classifier.gate import Evaluation, Overrule, judge
from soh.specs.models import GateSpec, State

SPEC = GateSpec(macro_f1=0.80, class_f1=0.60, may_lose=0.01, class_may_lose=0.05, largest=2048)
GOOD = Evaluation(
    macro_f1=0.90,
    class_f1={State.NORMAL: 0.95, State.CAUTION: 0.80, State.WARNING: 0.95},
    size=1024,
    latency=timedelta(milliseconds=8),
)
KIM_PROMOTES = Overrule(promote=True, by="Kim")
KIM_KEEPS = Overrule(promote=False, by="Kim")


def other(**differing):
    return replace(GOOD, **differing)


def with_caution(f1):
    return other(class_f1={**GOOD.class_f1, State.CAUTION: f1})


CASES = {
    "first-run-without-a-champion": (GOOD, None, None, True, "there is no champion"),
    "as-good-as-the-champion": (GOOD, GOOD, None, True, "the champion has 0.900 on the same rows"),
    "on-the-limit": (other(macro_f1=0.80), None, None, True, "macro-F1 0.800 (at least 0.800)"),
    "below-the-limit": (other(macro_f1=0.79), None, None, False, "macro-F1 0.790 is below 0.800"),
    "below-the-limit-but-above-the-champion": (
        other(macro_f1=0.79),
        other(macro_f1=0.5),
        None,
        False,
        "is below 0.800",
    ),
    "one-state-below-the-limit": (with_caution(0.59), None, None, False, "F1 of caution 0.590 is below 0.600"),
    "a-little-worse-than-the-champion": (other(macro_f1=0.89), GOOD, None, True, "macro-F1 0.890"),
    "worse-than-the-champion": (
        other(macro_f1=0.88),
        GOOD,
        None,
        False,
        "macro-F1 0.880 is more than 0.010 below the champion's 0.900 on the same rows",
    ),
    "one-state-worse-than-the-champion": (
        with_caution(0.70),
        GOOD,
        None,
        False,
        "F1 of caution 0.700 is more than 0.050 below the champion's 0.800 on the same rows",
    ),
    "too-large": (other(size=4096), None, None, False, "4 KiB are more than 2 KiB"),
    "too-slow": (
        other(latency=timedelta(milliseconds=51)),
        None,
        None,
        False,
        "51.0 ms for 1,000 rows are more than 50.0 ms",
    ),
    "not-a-number": (other(macro_f1=float("nan")), None, None, False, "macro-F1 nan is below 0.800"),
    "a-champion-that-cannot-tell": (GOOD, other(macro_f1=float("nan")), None, False, "below the champion's nan"),
    "promoted-by-a-person": (
        other(macro_f1=0.1),
        GOOD,
        KIM_PROMOTES,
        True,
        "the gate overruled by Kim: macro-F1 0.100",
    ),
    "kept-back-by-a-person": (GOOD, None, KIM_KEEPS, False, "the gate overruled by Kim, though macro-F1 0.900"),
}


@pytest.mark.parametrize(("challenger", "champion", "overrule", "promote", "says"), CASES.values(), ids=CASES.keys())
def test_judge(challenger, champion, overrule, promote, says):
    decision = judge(challenger, champion, SPEC, overrule)
    assert decision.promote is promote
    assert says in decision.reason
    assert decision.reason.startswith("promoted" if promote else "kept back")


@pytest.mark.parametrize(("challenger", "overrule"), [(GOOD, KIM_PROMOTES), (other(macro_f1=0.1), KIM_KEEPS)])
def test_a_person_who_agrees_with_the_gate_overrules_nothing(challenger, overrule):
    assert judge(challenger, None, SPEC, overrule) == judge(challenger, None, SPEC)


def test_every_fault_is_named():
    bad = Evaluation(macro_f1=0.4, class_f1=dict.fromkeys(GOOD.class_f1, 0.4), size=9999, latency=timedelta(seconds=1))
    limits = 1 + 3 + 1 + 1
    against_the_champion = 1 + 3
    assert judge(bad, GOOD, SPEC).reason.count("; ") + 1 == limits + against_the_champion
