"""`./soh test`: every suite in its environment, red when one is red, and what is left the next time."""

import json

import pytest

from soh.errors import BadInput
from soh.local import suites
from soh.local.outcomes import Outcomes
from soh.local.suites import LINT, SUITES, UNIT, Result, Selection, Verdict, chosen, is_green, judge, select
from soh.settings import PROJECT

BY_NAME = {suite.name: suite for suite in SUITES}
SOAK = BY_NAME["soak"]


def names(found):
    return [suite.name for suite in found]


# Which suites.


@pytest.mark.parametrize(
    ("words", "keyword", "expected"),
    [
        pytest.param(
            [], "", ["lint", "unit", "dags", "spark", "integration", "e2e"], id="all-that-need-not-be-asked-for"
        ),
        pytest.param(["spark", "unit"], "", ["spark", "lint", "unit"], id="in-the-order-given-lint-before-unit"),
        pytest.param(["unit", "lint"], "", ["unit", "lint"], id="lint-once"),
        pytest.param(["lint"], "", ["lint"], id="lint-alone"),
        pytest.param(["dags", "dags"], "", ["dags"], id="named-twice"),
        pytest.param(["soak"], "", ["soak"], id="drills-when-they-are-asked-for"),
        pytest.param(["unit"], "word", ["unit"], id="nothing-of-lint-has-a-name"),
    ],
)
def test_the_suites_that_run(words, keyword, expected):
    assert names(chosen(words, keyword=keyword)) == expected


def test_an_unknown_suite_is_refused():
    with pytest.raises(BadInput, match="no test suite units; there are: lint, unit, dags"):
        chosen(["unit", "units"])


def test_every_folder_of_tests_is_in_exactly_one_suite():
    folders = [PROJECT / folder for suite in SUITES for folder in suite.folders]
    with_tests = {path.relative_to(PROJECT / "tests").parts[0] for path in (PROJECT / "tests").rglob("test_*.py")}
    assert {folder.name for folder in folders} >= with_tests
    assert len(set(folders)) == len(folders)
    assert [folder for folder in folders if not folder.is_dir()] == []


# Which of their tests.


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Nothing is known of earlier runs, and the files are as `now`."""
    monkeypatch.setattr(suites, "KEPT", tmp_path)
    monkeypatch.setattr(suites, "_LAST", tmp_path / "last.json")
    monkeypatch.setattr(suites.tree, "digest", lambda _: "now")
    return tmp_path


@pytest.mark.parametrize(
    ("tested", "whole", "last", "red", "expected"),
    [
        pytest.param("now", True, "now", False, Selection.PASSED_HERE, id="green-on-this-state"),
        pytest.param("now", False, "now", True, Selection.NOT_PASSED, id="red-on-this-state"),
        pytest.param("now", False, "now", False, Selection.NOT_PASSED, id="cut-short-on-this-state"),
        pytest.param("before", True, "now", False, Selection.ALL, id="the-last-run-did-not-get-there"),
        pytest.param("", False, "now", False, Selection.ALL, id="the-first-run-did-not-get-there"),
        pytest.param("before", False, "before", True, Selection.LAST_FAILED, id="red-on-another-state"),
        pytest.param("before", True, "before", False, Selection.NONE_FAILED, id="green-on-another-state"),
        pytest.param("before", True, "before", True, Selection.LAST_FAILED, id="a-few-tests-were-red-later"),
        pytest.param("now", True, "before", False, Selection.PASSED_HERE, id="an-edit-was-taken-back"),
    ],
)
def test_what_failed_selects(tmp_path, tested, whole, last, red, expected):
    outcomes = Outcomes(tmp_path / "unit.outcomes")
    if tested:
        outcomes.begin(tested)
        outcomes.end(whole=whole)
    assert select(outcomes, "now", last=last, red=red) is expected


@pytest.mark.parametrize(
    ("code", "suite", "selection", "keyword", "expected"),
    [
        pytest.param(0, UNIT, Selection.ALL, "", Verdict.PASSED, id="passed"),
        pytest.param(1, UNIT, Selection.ALL, "", Verdict.FAILED, id="failed"),
        pytest.param(2, UNIT, Selection.ALL, "word", Verdict.FAILED, id="not-collected"),
        pytest.param(5, UNIT, Selection.ALL, "", Verdict.FAILED, id="without-a-single-test"),
        pytest.param(5, UNIT, Selection.ALL, "word", Verdict.NO_MATCH, id="nothing-of-that-name"),
        pytest.param(5, UNIT, Selection.LAST_FAILED, "", Verdict.NO_MATCH, id="what-failed-is-gone"),
        pytest.param(5, SOAK, Selection.ALL, "", Verdict.NO_TESTS, id="no-drills-yet"),
        pytest.param(5, SOAK, Selection.ALL, "word", Verdict.NO_MATCH, id="no-drill-of-that-name"),
        pytest.param(1, SOAK, Selection.ALL, "", Verdict.FAILED, id="a-drill-failed"),
    ],
)
def test_the_verdict_on_a_suite(code, suite, selection, keyword, expected):
    assert judge(code, suite, selection, keyword=keyword) is expected


def result(verdict, selection=Selection.ALL):
    return Result(suite=UNIT, verdict=verdict, selection=selection, seconds=1)


@pytest.mark.parametrize(
    ("results", "green"),
    [
        pytest.param([result(Verdict.PASSED)], True, id="passed"),
        pytest.param([result(Verdict.PASSED), result(Verdict.FAILED)], False, id="one-is-red"),
        pytest.param([result(Verdict.PASSED), result(Verdict.NO_MATCH)], True, id="a-match-somewhere"),
        pytest.param([result(Verdict.NO_MATCH), result(Verdict.NO_MATCH)], False, id="no-match-anywhere"),
        pytest.param([result(Verdict.NO_TESTS)], True, id="no-drills-yet"),
        pytest.param([result(Verdict.NOT_RUN, Selection.PASSED_HERE)], True, id="passed-before"),
        pytest.param([result(Verdict.NOT_RUN, Selection.NONE_FAILED)], False, id="nothing-ran-on-this-state"),
    ],
)
def test_green_is_something_passed_and_nothing_red(results, green):
    assert is_green(results) is green


# The run.


@pytest.fixture
def called(kept, monkeypatch):
    """Suites that ran with their options, and the exit codes that they are given."""
    ran, codes = {}, {}

    def pytest_of(suite, options):
        ran[suite.name] = options
        if codes.get(suite.name) == "interrupted":
            raise KeyboardInterrupt
        outcomes = Outcomes(kept / f"{suite.name}.outcomes")
        outcomes.begin("now")
        outcomes.end(whole=codes.get(suite.name, 0) == 0)
        return codes.get(suite.name, 0)

    monkeypatch.setattr(suites, "_pytest", pytest_of)
    monkeypatch.setattr(suites, "_programs", lambda suite: ran.update({suite.name: []}) or codes.get(suite.name, 0))
    monkeypatch.setattr(suites, "ensure_browser", lambda: ran.update({"browser": []}) or "all there")
    return ran, codes


def test_without_a_name_every_suite_runs_but_the_drills(called):
    assert suites.run([]) == 0
    assert list(called[0]) == ["lint", "unit", "dags", "spark", "integration", "browser", "e2e"]


def test_one_red_suite_makes_the_whole_red_and_the_others_still_run(called, capsys):
    called[1]["lint"] = 1
    assert suites.run(["unit", "dags"]) == 1
    assert list(called[0]) == ["lint", "unit", "dags"]
    assert "FAILED   lint" in capsys.readouterr().out


def test_after_a_red_run_only_what_is_red_or_was_not_reached_runs(called, capsys):
    called[1].update({"dags": 1, "spark": "interrupted"})
    assert suites.run(["unit", "dags", "spark", "integration"]) == 1
    called[0].clear()
    called[1].clear()
    assert suites.run([], failed=True) == 0
    assert list(called[0]) == ["dags", "spark", "integration"]
    assert "--not-passed" in called[0]["dags"]
    assert "--not-passed" not in called[0]["spark"]
    assert (
        "not run  unit                  none: all passed on exactly this state of the files" in capsys.readouterr().out
    )


def test_after_an_edit_only_what_failed_last_runs_and_the_next_time_the_rest(called, kept, monkeypatch, capsys):
    suites.run(["unit", "dags"])
    (kept / "dags" / "v" / "cache").mkdir(parents=True)
    (kept / "dags" / "v" / "cache" / "lastfailed").write_text(json.dumps({"test_dags.py::test_one": True}))
    monkeypatch.setattr(suites.tree, "digest", lambda _: "edited")
    called[0].clear()
    assert suites.run([], failed=True) == 0
    assert list(called[0]) == ["dags"]
    assert "--last-failed" in called[0]["dags"]
    assert "of another state of the files" in capsys.readouterr().out
    called[0].clear()
    suites.run([], failed=True)
    assert list(called[0]) == ["lint", "unit", "dags"]


def test_an_edit_after_a_green_run_leaves_nothing_that_failed_and_that_is_not_green(called, monkeypatch):
    suites.run(["dags"])
    monkeypatch.setattr(suites.tree, "digest", lambda _: "edited")
    called[0].clear()
    assert suites.run([], failed=True) == 1
    assert called[0] == {}


def test_lint_that_was_red_runs_again_after_an_edit(called, monkeypatch):
    called[1]["lint"] = 1
    suites.run(["unit"])
    monkeypatch.setattr(suites.tree, "digest", lambda _: "edited")
    called[0].clear()
    suites.run([], failed=True)
    assert list(called[0]) == ["lint"]


def test_a_word_goes_to_every_suite_and_no_match_anywhere_is_red(called):
    called[1].update({"unit": 5, "dags": 5})
    assert suites.run(["unit", "dags", "spark"], keyword="word") == 0
    assert [options[-2:] for options in called[0].values()] == [["-k", "word"]] * 3
    assert suites.run(["unit", "dags"], keyword="word") == 1


def test_a_few_tests_by_name_are_not_the_last_run(called):
    suites.run(["dags"])
    suites.run([], keyword="word")
    called[0].clear()
    suites.run([], failed=True)
    assert called[0] == {}


def test_only_suites_that_run_a_copy_are_told_to_keep_it(called):
    suites.run(["dags", "e2e", "soak"], keep=True)
    assert [name for name, options in called[0].items() if "--keep" in options] == ["e2e", "soak"]


def test_an_interruption_ends_the_run_with_a_summary(called, capsys):
    called[1]["unit"] = "interrupted"
    assert suites.run(["unit", "dags"]) == 1
    assert list(called[0]) == ["lint", "unit"]
    said = capsys.readouterr().out
    assert "./soh test --failed goes on from here" in said
    assert "passed   lint" in said


def test_spark_tests_run_in_the_environment_of_the_spark_apps(kept, monkeypatch):
    commands = {}

    class Started:
        def __init__(self, command, **options):
            commands[command[3]] = (command[0], options["env"])

        def wait(self):
            return 0

    monkeypatch.setattr(suites.subprocess, "Popen", Started)
    monkeypatch.setattr(suites, "java_home", lambda: PROJECT)
    suites.run(["dags", "spark"])
    assert "/.venv/airflow/" in commands["tests/dags"][0]
    python, environment = commands["tests/spark"]
    assert python == environment["PYSPARK_PYTHON"]
    assert "/.venv/spark/" in python
    assert environment["PATH"].startswith(python.removesuffix("/python"))


def test_what_was_started_is_stopped_before_an_interrupted_run_ends(kept, monkeypatch):
    waits = []

    class Started:
        def __init__(self, command, **options): ...

        def wait(self):
            waits.append(self)
            if len(waits) == 1:
                raise KeyboardInterrupt
            return 2

    monkeypatch.setattr(suites.subprocess, "Popen", Started)
    monkeypatch.setattr(suites, "java_home", lambda: PROJECT)
    assert suites.run(["dags"]) == 1
    assert len(waits) == 2


def test_lint_shows_what_the_programs_say_only_when_one_is_red(kept, monkeypatch, capsys):
    codes = {}

    def program(command, **options):
        name = command[0].rpartition("/")[2]
        return suites.subprocess.CompletedProcess(command, codes.get(name, 0), stdout=f"{name} said this\n")

    monkeypatch.setattr(suites.subprocess, "run", program)
    assert suites.run([LINT.name]) == 0
    assert "said" not in capsys.readouterr().out
    codes["mypy"] = 1
    assert suites.run([LINT.name]) == 1
    said = capsys.readouterr().out
    assert "mypy said this" in said
    assert "ruff said this" not in said
