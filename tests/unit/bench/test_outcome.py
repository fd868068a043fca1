import json

import pytest
from bench.parts.outcome import Outcome, machine, show


@pytest.mark.parametrize(
    ("wrong", "code"), [pytest.param([], 0, id="correct"), pytest.param(["2 are missing"], 1, id="wrong")]
)
def test_the_last_line_is_one_object_and_the_exit_code_tells_whether_it_is_correct(capsys, wrong, code):
    outcome = Outcome(name="latency", figures={"reading_p50_ms": 812.34567}, faults=wrong)
    assert show(outcome, as_json=True) == code
    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[-1])
    assert list(found) == ["name", "correct", "figures", "machine"]
    assert found["figures"] == {"reading_p50_ms": 812.346}
    assert found["correct"] is (code == 0)
    assert any("812.3" in line for line in lines[:-1])
    assert [line for line in lines if "2 are missing" in line] == [f"wrong: {fault}" for fault in wrong]


def test_without_json_there_is_only_the_table(capsys):
    show(Outcome(name="latency", figures={"readings": 3.0}, faults=[]), as_json=False)
    assert "{" not in capsys.readouterr().out


def test_the_machine_is_described_by_what_figures_depend_on():
    found = machine()
    assert found["cores"] >= 1
    assert found["memory_gib"] > 0
    assert {"system", "processor", "load_5_min"} <= set(found)


def test_a_small_figure_is_shown_with_the_digits_that_tell_it_from_another(capsys):
    show(
        Outcome(name="throughput", figures={"to_lake_ratio": 0.2304, "noop_per_s": 14625.23}, faults=[]), as_json=False
    )
    shown = capsys.readouterr().out
    assert "0.230" in shown
    assert "14,625.2" in shown
