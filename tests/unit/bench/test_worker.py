"""A side is a real process: it answers, its processor time is counted, and nothing of it is left."""

import os
import sys
from datetime import timedelta

import psutil
import pytest
from bench.parts.worker import Start, Worker

from soh.errors import SetupFailed
from soh.settings import PROJECT

SOON = timedelta(seconds=30)
SIDE = """
import subprocess, sys, time
from bench.parts.serve import open_answers, serve

answers = open_answers()

def burn(seconds):
    print("not an answer")
    subprocess.run([sys.executable, "-c", f"import time\\nwhile time.process_time() < {seconds}: pass"], check=True)
    return {"burnt": seconds}

def sleeper(_):
    return {"pid": subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid}

serve({"burn": burn, "sleeper": sleeper, "fail": lambda _: {}["nothing"], "hang": lambda _: time.sleep(600)}, answers)
"""


@pytest.fixture
def worker(tmp_path):
    path = os.pathsep.join((str(PROJECT), str(PROJECT / "include")))
    how = Start(
        command=[sys.executable, "-c", SIDE], environment={"PYTHONPATH": path}, home=tmp_path, log=tmp_path / "log"
    )
    running = Worker("side", how)
    running.wait_until_ready(SOON)
    yield running
    running.stop(timedelta(seconds=0.3))


def test_what_is_printed_beside_the_answers_is_in_the_log(worker, tmp_path):
    assert worker.ask("burn", 0, SOON) == {"burnt": 0}
    assert "not an answer" in (tmp_path / "log").read_text()


def test_the_time_of_children_that_have_ended_counts(worker):
    before = worker.cpu_seconds()
    worker.ask("burn", 1, SOON)
    assert 0.9 <= worker.cpu_seconds() - before < 2


def test_a_side_that_fails_is_told_with_the_end_of_its_log(worker):
    with pytest.raises(SetupFailed, match=r"side side ended at fail; end of its log:(.|\n)*KeyError"):
        worker.ask("fail", 1, SOON)


def test_a_side_that_hangs_is_not_waited_for(worker):
    with pytest.raises(SetupFailed, match="side side did not hang within"):
        worker.ask("hang", 1, timedelta(seconds=0.5))


def test_nothing_that_a_side_started_is_left(worker):
    pid = worker.ask("sleeper", 0, SOON)["pid"]
    worker.stop()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
