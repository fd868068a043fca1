"""Whether a newly trained model becomes champion, and why, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from soh.specs.models import GateSpec, State

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How well a model did on the hold-out, and what it costs."""

    macro_f1: float
    class_f1: Mapping[State, float]
    """For each state that the model tells apart, from best to worst."""
    size: int
    """Bytes of the artefact."""
    latency: timedelta
    """For 1,000 rows on one core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrule:
    """A person's word against the gate's."""

    promote: bool
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done with a challenger."""

    promote: bool
    reason: str
    """One sentence with the figures that decided."""


def judge(
    challenger: Evaluation, champion: Evaluation | None, spec: GateSpec, overrule: Overrule | None = None
) -> Decision:
    """Hold the challenger against the limits of `spec` and, where there is one, against the champion.

    Both were evaluated on the same rows. A person may overrule whatever comes out, and is named in the reason.
    """
    faults = [*_below_limits(challenger, spec), *(_worse(challenger, champion, spec) if champion else ())]
    passed = not faults
    findings = _figures(challenger, champion, spec) if passed else "; ".join(faults)
    if overrule is None or overrule.promote == passed:
        return Decision(promote=passed, reason=f"{'promoted' if passed else 'kept back'}: {findings}")
    if overrule.promote:
        return Decision(promote=True, reason=f"promoted, the gate overruled by {overrule.by}: {findings}")
    return Decision(promote=False, reason=f"kept back, the gate overruled by {overrule.by}, though {findings}")


def _below_limits(challenger: Evaluation, spec: GateSpec) -> list[str]:
    # "not at least" instead of "less": a figure that is no number passes no gate.
    faults = []
    if not challenger.macro_f1 >= spec.macro_f1 - _ROUNDING:
        faults.append(f"macro-F1 {challenger.macro_f1:.3f} is below {spec.macro_f1:.3f}")
    faults += [
        f"F1 of {state} {f1:.3f} is below {spec.class_f1:.3f}"
        for state, f1 in challenger.class_f1.items()
        if not f1 >= spec.class_f1 - _ROUNDING
    ]
    if challenger.size > spec.largest:
        faults.append(f"{_kibibytes(challenger.size)} are more than {_kibibytes(spec.largest)}")
    if challenger.latency > spec.slowest:
        faults.append(f"{_milliseconds(challenger.latency)} for 1,000 rows are more than {_milliseconds(spec.slowest)}")
    return faults


def _worse(challenger: Evaluation, champion: Evaluation, spec: GateSpec) -> list[str]:
    faults = []
    if not challenger.macro_f1 >= champion.macro_f1 - spec.may_lose - _ROUNDING:
        faults.append(
            f"macro-F1 {challenger.macro_f1:.3f} is more than {spec.may_lose:.3f} below the champion's "
            f"{champion.macro_f1:.3f} on the same rows"
        )
    faults += [
        f"F1 of {state} {f1:.3f} is more than {spec.class_may_lose:.3f} below the champion's "
        f"{champion.class_f1[state]:.3f} on the same rows"
        for state, f1 in challenger.class_f1.items()
        if not f1 >= champion.class_f1[state] - spec.class_may_lose - _ROUNDING
    ]
    return faults


def _figures(challenger: Evaluation, champion: Evaluation | None, spec: GateSpec) -> str:
    worst = min(challenger.class_f1, key=lambda state: challenger.class_f1[state])
    rival = (
        f"the champion has {champion.macro_f1:.3f} on the same rows"
        if champion
        else "there is no champion to compare with"
    )
    return (
        f"macro-F1 {challenger.macro_f1:.3f} (at least {spec.macro_f1:.3f}) and {rival}; the worst state is {worst} "
        f"with {challenger.class_f1[worst]:.3f} (at least {spec.class_f1:.3f}); {_kibibytes(challenger.size)}, "
        f"{_milliseconds(challenger.latency)} for 1,000 rows"
    )


def _kibibytes(size: int) -> str:
    return f"{size / 1024:,.0f} KiB"


def _milliseconds(duration: timedelta) -> str:
    return f"{duration / timedelta(milliseconds=1):.1f} ms"
