"""Which processes belong to a copy, and how they are ended."""

import os
import subprocess
import sys
import time
from datetime import timedelta

import psutil
import pytest

from soh.local import processes

SLEEP = "import time; print(flush=True); time.sleep(60)"
WITHOUT_TERMINAL = f"import os; os.setsid(); {SLEEP}"
# The leader of a session gets the first terminal that it opens.
WITH_TERMINAL = f"import os, pty; _, end = pty.openpty(); os.setsid(); os.open(os.ttyname(end), os.O_RDWR); {SLEEP}"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


@pytest.fixture
def start():
    started = []

    def begin(code=SLEEP, cwd=None, **environment):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=cwd, env={**os.environ, **environment}
        )
        started.append(process)
        process.stdout.readline()
        return process.pid

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def found(home):
    return {process.pid for process in processes.of(home)}


def test_services_and_yarn_containers_of_the_copy_are_found_and_nothing_else(home, start):
    ours = {
        start(**{processes.MARK: str(home.path)}),
        start(LOCAL_DIRS=f"{home.path}/data/nodemanager-1/local/usercache"),
    }
    start(**{processes.MARK: f"{home.path}-other"})
    start(LOCAL_DIRS=f"{home.path}-other/data")
    start()
    assert found(home) == ours


@pytest.mark.parametrize("folder", ["airflow", "data/kafka-1"])
def test_a_server_that_hides_its_environment_is_found_by_where_it_works(home, start, folder):
    (home.path / folder).mkdir(exist_ok=True)
    server = start(WITHOUT_TERMINAL, cwd=home.path / folder)
    assert found(home) == {server}


@pytest.mark.parametrize(
    ("code", "folder"),
    [
        pytest.param("WITH_TERMINAL", "data", id="a-shell-among-the-data"),
        pytest.param("WITHOUT_TERMINAL", ".", id="a-cron-job-in-the-top-folder"),
        pytest.param("WITHOUT_TERMINAL", "..", id="a-neighbour"),
    ],
)
def test_somebody_elses_process_is_not_ours(home, start, code, folder):
    start(globals()[code], cwd=home.path / folder)
    # psutil looks once in its life which terminals there are.
    psutil._psposix.get_terminal_map.cache_clear()
    assert found(home) == set()


def test_the_dead_that_nobody_has_buried_do_not_count(home, start):
    pid = start("print(flush=True)", **{processes.MARK: str(home.path)})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert found(home) == set()


def test_a_process_that_is_asked_to_end_gets_the_time_to_and_no_more_is_waited(home, start):
    start(**{processes.MARK: str(home.path)})
    began = time.monotonic()
    assert processes.end(processes.of(home), timedelta(seconds=30)) == 1
    assert time.monotonic() - began < 10
    assert found(home) == set()


def test_a_process_that_does_not_listen_is_killed(home, start):
    start(DEAF, **{processes.MARK: str(home.path)})
    assert processes.end(processes.of(home), timedelta(seconds=0.5)) == 1
    assert found(home) == set()


def test_ending_nothing_is_no_error():
    assert processes.end([], timedelta(seconds=1)) == 0
