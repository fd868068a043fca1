"""`./soh ...`: a wrong word is answered with a sentence, never with a stack."""

import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from soh import cli
from soh.errors import BadInput
from soh.local.suites import SUITES
from soh.settings import PROJECT


@pytest.fixture
def soh(monkeypatch, tmp_path):
    """Run the command line in this process, as a copy in `tmp_path` on which nothing runs."""
    monkeypatch.setenv("SOH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SOH_PORT_BASE", "23000")
    return lambda *arguments: CliRunner().invoke(cli.app, arguments)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        pytest.param(("up", "--facilities", "0"), "--facilities", id="no-facility"),
        pytest.param(("up", "--period", "fast"), "--period", id="period-that-is-no-number"),
        pytest.param(("upp",), "upp", id="no-such-command"),
        pytest.param(("logs",), "service", id="no-service"),
        pytest.param(("streams", "pause", "lake"), "pause", id="no-such-action"),
        pytest.param(("streams", "stop"), "APP", id="no-app"),
        pytest.param(("status", "--jsn"), "--jsn", id="no-such-option"),
    ],
)
def test_a_wrong_word_is_named_and_the_exit_code_is_two(soh, arguments, part):
    done = soh(*arguments)
    assert done.exit_code == 2
    assert part in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("status", "--json"),
        ("logs", "kafka-1"),
        ("streams", "stop", "lake"),
        ("airflow", "version"),
        ("screenshots",),
    ],
)
def test_before_the_first_start_it_says_what_to_do(soh, arguments):
    error = soh(*arguments).exception
    assert isinstance(error, BadInput)
    assert "run ./soh up first" in str(error)


def test_down_where_nothing_is_set_up_is_no_error(soh, tmp_path):
    done = soh("down")
    assert done.exit_code == 0
    assert f"Nothing is set up in {tmp_path / 'home'}" in done.output
    assert not (tmp_path / "home").exists()


def test_up_refuses_a_folder_without_the_recording_before_it_does_anything(soh, tmp_path):
    error = soh("up", "--data", str(tmp_path)).exception
    assert isinstance(error, BadInput)
    assert "hydraulic/cycles.csv" in str(error)
    assert not (tmp_path / "home").exists()


def test_up_refuses_a_profile_that_there_is_not_before_it_does_anything(soh, tmp_path):
    error = soh("up", "--profile", "tiny").exception
    assert isinstance(error, BadInput)
    assert "there are: standard, small" in str(error)
    assert not (tmp_path / "home").exists()


def test_an_unknown_suite_is_refused(soh):
    error = soh("test", "units").exception
    assert isinstance(error, BadInput)
    assert "there are: lint, unit" in str(error)


def test_the_help_names_every_suite(soh):
    shown = " ".join(re.findall(r"[\w,]+", soh("test", "--help").output))
    assert ", ".join(suite.name for suite in SUITES) in shown


def test_an_unknown_bench_is_refused(soh):
    error = soh("bench", "latencies").exception
    assert isinstance(error, BadInput)
    assert "there are: compaction, fleet, latency, memory, throughput" in str(error)


def test_the_help_names_every_bench(soh):
    shown = " ".join(soh("bench", "--help").output.split())
    assert "compaction, fleet, latency, memory, throughput" in shown


def test_a_bench_is_given_the_options_that_were_chosen_and_no_others(soh, monkeypatch):
    started = []
    monkeypatch.setattr("os.execve", lambda _, command, __: started.append(command[2:]))
    soh("bench", "throughput", "--json", "--records", "1000")
    soh("bench", "fleet", "--steps", "74,100", "--minutes", "0.5")
    assert started == [
        ["bench.throughput", "--records", "1000", "--json"],
        ["bench.fleet", "--minutes", "0.5", "--steps", "74,100"],
    ]


@pytest.mark.parametrize("arguments", [("latency", "--records", "1000"), ("fleet", "--steps", "many")])
def test_an_option_that_a_bench_does_not_have_or_cannot_read_is_named(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "bench." + arguments[0], *arguments[1:]],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{PROJECT / 'include'}:{PROJECT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert arguments[1] in done.stderr


def test_an_error_of_ours_is_one_line_on_standard_error(monkeypatch, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "soh.cli", "status"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT / "include"), "SOH_HOME": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("soh: nothing is set up in")
    assert done.stderr.count("\n") == 1
