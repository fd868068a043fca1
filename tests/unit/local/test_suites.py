"""`./soh test`: every suite in its environment, and red when one is red."""

import pytest

from soh.errors import BadInput
from soh.local import suites
from soh.settings import PROJECT


@pytest.fixture
def called(monkeypatch):
    ran, codes = [], {}

    def pytest_of(suite):
        ran.append(suite.name)
        return codes.get(suite.name, 0)

    monkeypatch.setattr(suites, "_pytest", pytest_of)
    monkeypatch.setattr(suites, "ensure_browser", lambda: ran.append("browser") or "all there")
    return ran, codes


def test_without_a_name_every_suite_runs(called):
    assert suites.run([]) == 0
    assert [name for name in called[0] if name != "browser"] == [suite.name for suite in suites.SUITES]


def test_the_browser_is_there_before_the_one_suite_that_needs_it(called):
    suites.run(["unit", "e2e"])
    assert called[0] == ["unit", "browser", "e2e"]


def test_named_suites_run_in_the_order_given(called):
    suites.run(["spark", "unit"])
    assert called[0] == ["spark", "unit"]


def test_one_red_suite_makes_the_whole_red_and_the_others_still_run(called, capsys):
    called[1]["unit"] = 1
    assert suites.run(["unit", "dags"]) == 1
    assert called[0] == ["unit", "dags"]
    assert "FAILED   unit" in capsys.readouterr().out


def test_a_suite_without_a_single_test_is_red(called):
    called[1]["unit"] = 5
    assert suites.run(["unit"]) == 1


def test_an_unknown_suite_is_refused_before_anything_runs(called):
    with pytest.raises(BadInput, match="no test suite units; there are: unit, dags"):
        suites.run(["unit", "units"])
    assert called[0] == []


def test_every_folder_of_tests_is_in_exactly_one_suite():
    folders = [PROJECT / folder for suite in suites.SUITES for folder in suite.folders]
    with_tests = {path.relative_to(PROJECT / "tests").parts[0] for path in (PROJECT / "tests").rglob("test_*.py")}
    assert {folder.name for folder in folders} >= with_tests
    assert len(set(folders)) == len(folders)
    assert [folder for folder in folders if not folder.is_dir()] == []


def test_spark_tests_run_in_the_environment_of_the_spark_apps(monkeypatch):
    commands = {}
    monkeypatch.setattr(
        suites.subprocess,
        "run",
        lambda command, **options: (
            commands.update({command[3]: (command[0], options["env"])})
            or suites.subprocess.CompletedProcess(command, 0)
        ),
    )
    monkeypatch.setattr(suites, "java_home", lambda: PROJECT)
    suites.run(["unit", "spark"])
    assert "/.venv/airflow/" in commands["tests/unit"][0]
    python, environment = commands["tests/spark"]
    assert python == environment["PYSPARK_PYTHON"]
    assert "/.venv/spark/" in python
    assert environment["PATH"].startswith(python.removesuffix("/python"))
