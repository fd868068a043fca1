"""What a person chose once holds until they choose otherwise."""

from pathlib import Path

import pytest

from soh.errors import BadInput
from soh.local.options import FleetOptions, find_data
from soh.specs import FLEETS


@pytest.fixture
def recording(tmp_path) -> Path:
    (tmp_path / "data" / "hydraulic").mkdir(parents=True)
    (tmp_path / "data" / "hydraulic" / "cycles.csv").write_text("cycle\n")
    return tmp_path / "data"


def test_without_a_choice_the_fleets_have_their_declared_size(home):
    options = FleetOptions.remembered(home)
    assert options.heat_facilities == FLEETS["heat"].facilities
    assert options.hydraulic_facilities == FLEETS["hydraulic"].facilities
    assert options.hydraulic_data is None


def test_a_choice_is_remembered_and_a_later_one_changes_only_itself(home):
    FleetOptions().changed(heat_facilities=10, heat_period_seconds=0.5).remember(home)
    later = FleetOptions.remembered(home).changed(heat_facilities=None, hydraulic_facilities=3)
    assert (later.heat_facilities, later.heat_period_seconds, later.hydraulic_facilities) == (10, 0.5, 3)


@pytest.mark.parametrize("name", ["heat_facilities", "heat_period_seconds", "hydraulic_facilities"])
def test_a_size_that_is_not_above_zero_is_refused_by_name(name):
    with pytest.raises(BadInput, match=name.replace("_", " ")):
        FleetOptions(**{name: 0})


@pytest.mark.parametrize("past", [-1, 721, float("nan")])
def test_a_past_that_makes_no_sense_is_refused(past):
    with pytest.raises(BadInput, match=r"past is .* between 0 and 720 hours"):
        FleetOptions(past=past)


@pytest.mark.parametrize("seconds", [0, 91])
def test_a_landing_too_rare_for_the_watch_or_without_an_end_is_refused(seconds):
    with pytest.raises(BadInput, match=r"landing interval is .* between 1 and 90 seconds"):
        FleetOptions(landing_seconds=seconds)


def test_no_past_is_a_choice(home):
    FleetOptions().changed(past=0).remember(home)
    assert FleetOptions.remembered(home).changed(past=None).past == 0


def test_a_meter_is_remembered_until_another_source_is_chosen(home, tmp_path):
    (tmp_path / "meter.csv").write_text("")
    FleetOptions().with_meter(tmp_path / "meter.csv").remember(home)
    later = FleetOptions.remembered(home).with_meter(None)
    assert later.meter == str(tmp_path / "meter.csv")
    assert later.with_meter(Path("none")).meter is None


def test_a_meter_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"--meter names .*, which is no file; name the meter's recording, or none"):
        FleetOptions().with_meter(tmp_path)


def test_a_folder_with_the_recording_is_taken_asked_for_or_not(recording, tmp_path):
    assert find_data(recording, tmp_path / "elsewhere") == str(recording)
    assert find_data(None, recording) == str(recording)
    assert FleetOptions(data=str(recording)).hydraulic_data == recording / "hydraulic"


def test_a_missing_recording_turns_the_fleet_off_but_one_asked_for_must_be_there(tmp_path):
    assert find_data(None, tmp_path) is None
    with pytest.raises(BadInput, match=r"no hydraulic/cycles\.csv"):
        find_data(tmp_path, tmp_path)
