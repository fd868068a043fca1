"""A small copy of the test rig's recording: same files, same columns, four cycles."""

from pathlib import Path

import numpy as np
import pytest

GRADES = """cycle,cooler_pct,valve_pct,pump_leak,accumulator_bar,stable,condition
0,3,100,0,130,1,0
1,20,100,1,130,0,5
4,100,90,2,115,0,7
9,100,100,0,90,0,96
"""
BASES = {"TS1": 40, "TS2": 45, "TS3": 42, "TS4": 35, "VS1": 0.6, "CE": 30, "CP": 1.8, "SE": 55}


def write_channel(path: Path, samples: np.ndarray) -> None:
    path.write_text("".join("\t".join(f"{value:.4f}" for value in row) + "\n" for row in samples))


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    """Folder that holds a whole, small recording in its subfolder `hydraulic`."""
    folder = tmp_path / "hydraulic"
    folder.mkdir()
    (folder / "cycles.csv").write_text(GRADES)
    random = np.random.default_rng(7)
    for name, base in BASES.items():
        write_channel(folder / f"{name}.txt", base * (1 + 0.1 * random.random((4, 60))))
    return tmp_path
