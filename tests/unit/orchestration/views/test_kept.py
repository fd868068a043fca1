from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from airflow.exceptions import AirflowNotFoundException

from soh.errors import ServerUnreachable
from soh.orchestration.views.kept import Kept

INSTANT = timedelta(0)
SHORT = timedelta(milliseconds=100)


class Server:
    """Answers with how often it was asked, unless it is told to fail or to hang."""

    def __init__(self):
        self.asked = 0
        self.error = None
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __call__(self):
        self.asked += 1
        self.goes_on.wait(10)
        if self.error:
            raise self.error
        return self.asked


@pytest.fixture
def server():
    server = Server()
    yield server
    server.goes_on.set()


def test_an_answer_is_kept_while_it_is_fresh(server):
    kept = Kept(server, timedelta(minutes=1))
    assert [kept.answer().value for _ in range(10)] == [1] * 10


def test_it_is_asked_again_when_it_is_not(server):
    kept = Kept(server, INSTANT)
    assert [kept.answer().value for _ in range(3)] == [1, 2, 3]


def test_ten_browsers_at_once_cost_one_question(server):
    kept = Kept(server, timedelta(minutes=1))
    server.goes_on.clear()
    found = []
    browsers = [threading.Thread(target=lambda: found.append(kept.answer().value)) for _ in range(10)]
    for browser in browsers:
        browser.start()
    server.goes_on.set()
    for browser in browsers:
        browser.join()
    assert (found, server.asked) == ([1] * 10, 1)


@pytest.mark.parametrize("error", [ServerUnreachable("it is down"), AirflowNotFoundException("it is down")])
def test_a_failure_leaves_the_last_answer_and_says_why(server, error):
    kept = Kept(server, INSTANT)
    before = kept.answer()
    server.error = error
    after = kept.answer()
    assert (after.value, after.at, after.trouble) == (1, before.at, "it is down")


def test_trouble_is_over_with_the_next_answer(server):
    kept = Kept(server, INSTANT)
    server.error = ServerUnreachable("it is down")
    kept.answer()
    server.error = None
    assert kept.answer().trouble == ""


def test_what_nobody_foresaw_is_named_and_not_shown(server):
    server.error = KeyError("s3cret")
    trouble = Kept(server, INSTANT).answer().trouble
    assert trouble.startswith("KeyError")
    assert "s3cret" not in trouble


def test_a_server_that_hangs_costs_no_more_than_patience_and_one_thread(server):
    kept = Kept(server, INSTANT, patience=SHORT)
    kept.answer()
    server.goes_on.clear()
    began = time.monotonic()
    answers = [kept.answer() for _ in range(5)]
    assert time.monotonic() - began < 5 * SHORT.total_seconds()
    assert server.asked == 2
    assert {answer.value for answer in answers} == {1}
    assert all("no answer within" in answer.trouble for answer in answers)
