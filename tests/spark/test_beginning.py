import json

import pytest

from soh.errors import ServerUnreachable
from soh.specs import FLEETS, HistoryState
from soh_spark import beginning
from soh_spark.beginning import EARLIEST, Mark, first_offsets, wait_for_history

OLDEST = {0: 0, 1: 0, 2: 0}


def marks(*offsets, state=HistoryState.SENT):
    return {partition: Mark(offset=offset, metadata=state.value) for partition, offset in enumerate(offsets)}


@pytest.mark.parametrize(
    ("noted", "oldest", "starts"),
    [
        pytest.param(marks(10, 20, 30), OLDEST, {"0": 10, "1": 20, "2": 30}, id="after-the-history"),
        pytest.param(marks(10, 20, 30), {0: 15, 1: 0, 2: 30}, {"0": 15, "1": 20, "2": 30}, id="retention-was-there"),
        pytest.param(marks(10, 20), OLDEST, {"0": 10, "1": 20, "2": 0}, id="a-partition-that-came-later"),
    ],
)
def test_grading_begins_after_the_history(noted, oldest, starts):
    assert json.loads(first_offsets("heat", noted, oldest)) == {"heat": starts}


def test_without_a_history_grading_begins_at_the_beginning():
    assert first_offsets("heat", {}, OLDEST) == EARLIEST


def test_while_a_history_is_being_sent_grading_has_no_beginning():
    assert first_offsets("heat", marks(10, 20, 30, state=HistoryState.SENDING), OLDEST) is None


def test_a_history_and_an_outage_of_the_brokers_are_waited_out(monkeypatch):
    answers = [ServerUnreachable("no broker"), marks(1, 1, 1, state=HistoryState.SENDING), marks(10, 20, 30)]

    def noted(*_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(beginning, "_marks", noted)
    monkeypatch.setattr(beginning, "_oldest", lambda *_: OLDEST)
    slept = []
    found = wait_for_history(None, "127.0.0.1:1", FLEETS["heat"], sleep=slept.append)
    assert json.loads(found) == {"heat": {"0": 10, "1": 20, "2": 30}}
    assert len(slept) == 2
