"""The real rig's recording as it stands in the lake: one facility plays it once, from its first cycle on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soh.errors import BadInput
from soh.fleet.hydraulic import HydraulicReplay
from soh.fleet.recording import READINGS, Recording, load
from soh.specs.fleets import HYDRAULIC

BEGINS_AT = 1_780_000_000
FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "hydraulic"


def recording() -> Recording:
    """The recording; skips the test where it is not at hand."""
    try:
        return load(FOLDER)
    except BadInput as error:
        pytest.skip(f"no recording at hand: {error}")


def played(recorded: Recording) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Readings and inspections of facility 0, in the columns of the tables of the lake; times are epoch seconds."""
    fleet = HydraulicReplay([0], recorded)
    seqs = np.arange(len(recorded) * READINGS)
    at = BEGINS_AT + seqs * HYDRAULIC.period.total_seconds()
    readings = pd.DataFrame(fleet.readings(np.zeros(len(seqs), np.int64), seqs, at))
    inspections = pd.DataFrame(fleet.inspections(at[-1] + 3600))
    return placed(readings), placed(inspections)


def placed(records: pd.DataFrame) -> pd.DataFrame:
    return records.assign(kafka_partition=0, kafka_offset=np.arange(len(records)))
