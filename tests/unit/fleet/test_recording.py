from pathlib import Path

import numpy as np
import pytest

from soh.errors import BadInput
from soh.fleet.recording import CHANNELS, fold, load
from soh.settings import Settings
from soh.specs.schemas import HYDRAULIC_READING

DATA = Settings.from_environment().data / "hydraulic"


def samples(folder: Path, name: str) -> np.ndarray:
    return np.loadtxt(folder / "hydraulic" / f"{name.upper()}.txt")


def test_readings_are_the_means_of_5_seconds_of_the_source(rig):
    recording = load(rig)
    assert recording.values.shape == (4, 12, 8)
    for column, channel in enumerate(CHANNELS):
        source = samples(rig, channel.name)
        for part in range(12):
            assert recording.values[:, part, column] == pytest.approx(source[:, 5 * part : 5 * part + 5].mean(axis=1))


def test_the_folder_may_be_named_itself_or_the_one_above_it(rig):
    assert len(load(rig / "hydraulic")) == len(load(rig)) == 4


def test_channels_are_those_of_the_schema_in_their_units():
    declared = {field.name: field.unit for field in HYDRAULIC_READING.measurements}
    assert {channel.name: channel.unit for channel in CHANNELS} == declared


@pytest.mark.parametrize(
    ("cooler", "pump", "state"),
    [
        (100, 0, "normal"),
        (100, 1, "caution"),
        (100, 2, "warning"),
        (20, 0, "warning"),
        (20, 1, "warning"),
        (20, 2, "warning"),
        (3, 0, "danger"),
        (3, 1, "danger"),
        (3, 2, "danger"),
    ],
)
def test_the_state_is_the_worse_of_cooler_and_pump(cooler, pump, state):
    assert fold(cooler_pct=cooler, pump_leak=pump) == state


def edit_row(row: int, change):
    """Change one row of a file; `row` counts from 1."""

    def edit(path: Path) -> None:
        lines = path.read_text().splitlines()
        lines[row - 1] = change(lines[row - 1])
        path.write_text("\n".join(lines) + "\n")

    return edit


def scaled(by: float, plus: float = 0.0):
    def edit(path: Path) -> None:
        values = np.loadtxt(path) * by + plus
        path.write_text("".join("\t".join(f"{value:.6f}" for value in row) + "\n" for row in values))

    return edit


@pytest.mark.parametrize(
    ("file", "edit", "sentence"),
    [
        pytest.param("TS2.txt", Path.unlink, r"TS2\.txt is missing: the folder must hold", id="missing"),
        pytest.param("TS2.txt", lambda path: path.write_text("\n"), r"TS2\.txt is empty", id="empty"),
        pytest.param("CP.txt", lambda path: path.write_bytes(b"\xff\xfe\x00"), r"cannot be read as text", id="binary"),
        pytest.param(
            "VS1.txt",
            edit_row(3, lambda line: line.rsplit("\t", 1)[0]),
            r"VS1\.txt, row 3 has 59 values; a row must be one cycle of 60 tab-separated",
            id="short-row",
        ),
        pytest.param(
            "VS1.txt",
            lambda path: path.write_text(path.read_text().replace("\t", ",")),
            r"row 1 has 1 values; a row must be one cycle of 60 tab-separated",
            id="commas",
        ),
        pytest.param(
            "CE.txt",
            edit_row(2, lambda line: "x" + line),
            r"CE\.txt, row 2, value 1 is 'x.*'; it must be a number",
            id="no-number",
        ),
        pytest.param(
            "CE.txt",
            edit_row(2, lambda line: "nan\t" + line.split("\t", 1)[1]),
            r"CE\.txt, row 2, value 1 is nan; CE in % lies between 0 and 100",
            id="nan",
        ),
        pytest.param(
            "SE.txt",
            lambda path: path.write_text("".join(path.read_text().splitlines(keepends=True)[:3])),
            r"SE\.txt has 3 rows, but cycles\.csv has 4 cycles",
            id="fewer-rows",
        ),
        pytest.param("TS1.txt", scaled(1.8, 32), r"TS1 in degC lies between 5 and 90: convert", id="fahrenheit"),
        pytest.param("TS1.txt", scaled(1, 273.15), r"TS1 in degC lies between 5 and 90: convert", id="kelvin"),
        pytest.param("CP.txt", scaled(1000), r"CP in kW lies between 0 and 10: convert the file to kW", id="watts"),
        pytest.param("SE.txt", scaled(0.01), r"never above 0\.\d+; SE in % reaches 5: convert", id="shares"),
        pytest.param("VS1.txt", scaled(0.001), r"never above .*; VS1 in mm/s reaches 0\.3", id="metres"),
        pytest.param(
            "cycles.csv",
            edit_row(1, lambda line: line.replace("pump_leak", "pump")),
            r"cycles\.csv, row 1 is 'cycle,.*,pump,.*'; it must be 'cycle,cooler_pct,valve_pct,pump_leak",
            id="header",
        ),
        pytest.param(
            "cycles.csv", edit_row(3, lambda line: line + "x"), r"cycles\.csv, row 3 is .* whole numbers", id="letters"
        ),
        pytest.param(
            "cycles.csv", edit_row(3, lambda line: line + ",1"), r"row 3 has 8 values; it must have 7", id="long-row"
        ),
        pytest.param(
            "cycles.csv",
            edit_row(2, lambda line: line.replace("0,3,", "0,4,")),
            r"row 2 grades the cooler 4 and the pump 0; the grades are \[3, 20, 100\] and \[0, 1, 2\]",
            id="unknown-grade",
        ),
        pytest.param(
            "cycles.csv",
            edit_row(4, lambda line: "1" + line[1:]),
            r"row 4 is cycle 1 after 1; sort the rows",
            id="unsorted",
        ),
        pytest.param(
            "cycles.csv",
            lambda path: path.write_text(path.read_text().splitlines()[0]),
            r"cycles\.csv has no cycle below its header",
            id="only-header",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_a_sentence_that_names_it(rig, file, edit, sentence):
    edit(rig / "hydraulic" / file)
    with pytest.raises(BadInput, match=sentence) as refused:
        load(rig)
    assert file in str(refused.value)


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"nowhere is not a folder; --data must name"):
        load(tmp_path / "nowhere")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real recording is not in {DATA}")
def test_the_real_recording_is_read_whole():
    recording = load(DATA)
    assert recording.values.shape == (1975, 12, 8)
    assert recording.values[0, 0, 0] == pytest.approx(np.mean([35.57, 35.492, 35.469, 35.422, 35.414]))
    assert recording.grade(1974) == {
        "cycle": 2204,
        "cooler_pct": 100,
        "valve_pct": 100,
        "pump_leak": 0,
        "accumulator_bar": 90,
        "stable": 0,
        "condition": 96,
    }
