import pytest
from typer.testing import CliRunner

from soh.fleet.__main__ import app

ARGUMENTS = {
    "heat": {"--kafka": "127.0.0.1:1"},
    "hydraulic": {"--kafka": "127.0.0.1:1"},
}


@pytest.mark.parametrize(
    ("fleet", "changes", "sentence"),
    [
        pytest.param("heat", {"--kafka": "localhost"}, "--kafka names 'localhost'; every broker must be", id="port"),
        pytest.param("heat", {"--kafka": "a:1,,b:2"}, "--kafka names ''; every broker must be", id="empty-broker"),
        pytest.param("heat", {"--facilities": "0"}, "--facilities is 0; it must be between 1", id="no-facility"),
        pytest.param("heat", {"--period": "0"}, "--period is 0; it must be between 0.05", id="no-period"),
        pytest.param("heat", {"--period": "nan"}, "--period is nan; it must be between", id="nan-period"),
        pytest.param("heat", {"--past": "-1"}, "--past is -1; it must be between 0 and 720 hours", id="negative-past"),
        pytest.param("heat", {"--past": "nan"}, "--past is nan; it must be between", id="nan-past"),
        pytest.param("heat", {"--hours-to-degrade": "-1"}, "hours to degrade is -1; it must be", id="negative-hours"),
        pytest.param("heat", {"--meter": "/nowhere"}, "/nowhere is missing: the file must be the one", id="no-meter"),
        pytest.param("heat", {"--meter": __file__}, "row 1 is 'import pytest'; it must be 'date,", id="not-a-meter"),
        pytest.param("heat", {"--state-dir": "/dev/null/x"}, "state folder /dev/null/x cannot be used", id="state"),
        pytest.param("hydraulic", {"--data": "/nowhere"}, "/nowhere is not a folder; --data must name", id="no-data"),
        pytest.param("hydraulic", {"--data": "/tmp"}, "cycles.csv is missing", id="not-the-data"),
    ],
)
def test_a_bad_input_is_one_clear_sentence_and_exit_code_2(tmp_path, fleet, changes, sentence):
    options = ARGUMENTS[fleet] | {"--state-dir": str(tmp_path)} | changes
    result = CliRunner().invoke(app, [fleet, *(part for option in options.items() for part in option)])
    assert result.exit_code == 2
    assert result.stderr.startswith("soh.fleet: ")
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["heat", "--help"], ["hydraulic", "--help"]])
def test_help_fits_on_one_screen(arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) <= 24
