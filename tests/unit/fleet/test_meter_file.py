import pytest
from tests.fakes import meter

from soh.errors import BadInput
from soh.fleet.meter_file import HEADER, load


def test_a_row_is_the_quarter_of_an_hour_before_its_stamp_and_midnight_ends_the_named_day(tmp_path):
    recording = load(meter.write(tmp_path / "meter.csv", 2 * meter.DAY))
    assert "01/01/2018 00:00" in (tmp_path / "meter.csv").read_text()
    assert recording.begin == meter.MONDAY
    assert len(recording) == 2 * meter.DAY
    assert recording.active[:3] == pytest.approx([10, 10.01, 10.02])
    assert recording.reactive[:3] == pytest.approx([4 - 0, 5 - 0.5, 6 - 1])


def changed(row: int, column: int, cell: str):
    def change(lines: list[str]) -> list[str]:
        cells = lines[row].split(",")
        cells[column] = cell
        return [*lines[:row], ",".join(cells), *lines[row + 1 :]]

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(lambda lines: [], "is empty", id="empty"),
        pytest.param(lambda lines: lines[:1], "has no reading below its header", id="header-only"),
        pytest.param(lambda lines: lines[1:], "row 1 is '01/01/2018 00:15", id="no-header"),
        pytest.param(changed(0, 1, "Usage_Wh"), "row 1 is .*it must be 'date,Usage_kWh", id="other-unit-in-header"),
        pytest.param(lambda lines: [lines[0], "1,2"], "row 2 has 2 values; it must have 11", id="short-row"),
        pytest.param(changed(2, 0, "2018-01-01 00:30"), "row 3, date is '2018-01-01 00:30'; it must be", id="date"),
        pytest.param(changed(2, 0, "13/31/2018 00:30"), "row 3, date is '13/31/2018 00:30'", id="month-first"),
        pytest.param(
            lambda lines: lines[:3] + lines[4:],
            "row 4 ends at 01/01/2018 01:00 and the row before at 01/01/2018 00:30; rows must follow",
            id="gap",
        ),
        pytest.param(changed(2, 1, "much"), "row 3, Usage_kWh is 'much'; it must be a number", id="no-number"),
        pytest.param(changed(2, 1, "-1"), "row 3, Usage_kWh is -1; it must lie between 0 and", id="negative"),
        pytest.param(changed(2, 2, "nan"), "Reactive.Power_kVarh is nan; it must lie between", id="not-a-number"),
        pytest.param(changed(2, 1, "10010"), "Power_Factor is .*, but the energies of the row give", id="watt-hours"),
        pytest.param(changed(2, 5, "0.91"), "Power_Factor is 0.91, but the energies .* in percent", id="share"),
    ],
)
def test_a_file_of_another_shape_is_refused_with_a_sentence(tmp_path, change, sentence):
    path = meter.write(tmp_path / "meter.csv", 8)
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(BadInput, match=sentence) as refused:
        load(path)
    assert str(path) in str(refused.value)
    assert "data set as described in its README" in str(refused.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"meter\.csv is missing"):
        load(tmp_path / "meter.csv")


def test_a_load_that_leads_is_negative(tmp_path):
    recording = load(meter.write(tmp_path / "meter.csv", 4, lambda number: (10, 0, 3)))
    assert recording.reactive.tolist() == [-3] * 4
    assert len(HEADER) == 11
