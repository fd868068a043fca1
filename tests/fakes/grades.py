"""Grades as the scoring stream sends them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from soh.specs import FleetSpec
from soh.specs.models import State


def grade(fleet: FleetSpec, sensor: int, seq: int, at: float, /, **changes: Any) -> dict[str, Any]:
    """One record under its names on the wire; `at` in seconds since 1970."""
    record = {
        "sensor_id": sensor,
        "seq": seq,
        "timestamp": at,
        "temperature": 40.5 + seq % 7,
        **({"pf": 0.91, "R_pf": 0.92, "S_pf": 0.93, "T_pf": 0.94} if fleet.power_factors else {}),
        "pred": fleet.states[seq % len(fleet.states)],
        "probability": 0.75,
        "model_version": "3",
        "source_partition": sensor % 3,
        "source_offset": seq,
        "source_time": at + 0.25,
    }
    return record | changes


def grades(fleet: FleetSpec, sensors: Sequence[int], seqs: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Of some facilities, every millisecond one, the newest of them now."""
    begin = time.time() - len(seqs) / 1000
    for number, seq in enumerate(seqs):
        for sensor in sensors:
            yield grade(fleet, sensor, seq, round(begin + number / 1000, 6), pred=State.NORMAL)


def encoded(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode()
