"""What a side without Spark does with a reading: its power factors and its grade by the rule; standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from soh.specs.fleets import HEAT, PowerFactorRule
from soh.specs.models import State

_RULE = PowerFactorRule(power_factor="pf") if HEAT.rule is None else HEAT.rule
_READING = {field.name: field.wire_name for field in HEAT.readings.schema.fields}
_SCORE = {field.name: field.wire_name for field in HEAT.scores.schema.fields}
_CARRIED = [(_READING[name], _SCORE[name]) for name in ("facility_id", "seq", "event_time", "temperature")]
_FACTORS = [(_SCORE[pf.name], _READING[pf.active], _READING[pf.reactive]) for pf in HEAT.power_factors]
_ACTIVE = _READING["active_power"]

PRODUCER: dict[str, str | int | float | bool] = {
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "lz4",
    "partitioner": "murmur2_random",
}
"""Settings of a Kafka client that sends as the scoring stream does."""


def power_factor(active: float | None, reactive: float | None) -> float | None:
    """P / sqrt(P^2 + Q^2), 0 when P = 0, None when one of the two is unknown."""
    if active is None or reactive is None:
        return None
    return 0.0 if active == 0 else active / math.hypot(active, reactive)


def by_rule(factor: float | None, active: float | None) -> State:
    """The state of a facility by its power factor alone; without work it is idle."""
    if active == 0:
        return State.IDLE
    if factor is None:
        return State.UNKNOWN
    if factor <= _RULE.warning_up_to:
        return State.WARNING
    return State.CAUTION if factor < _RULE.caution_below else State.NORMAL


def score(reading: Mapping[str, Any], partition: int, offset: int, sent_at: float) -> dict[str, Any]:
    """The record for the topic of scores, by the names on the wire; `sent_at` is epoch seconds."""
    graded = {there: reading[here] for here, there in _CARRIED}
    for name, active, reactive in _FACTORS:
        graded[name] = power_factor(reading[active], reading[reactive])
    state = by_rule(graded[_RULE.power_factor], reading[_ACTIVE])
    return graded | {
        "pred": state.value,
        "probability": 0.0 if state is State.UNKNOWN else 1.0,
        "model_version": PowerFactorRule.NAME,
        "source_partition": partition,
        "source_offset": offset,
        "source_time": sent_at,
    }
