"""A service that starts again ends what its killed predecessor left, and nothing else."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from soh.local import alone
from soh.settings import PROJECT

SERVICE = """
import os, subprocess, sys, time
os.setpgid(0, 0)
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
# One write, so that the lines of two services cannot mix.
os.write(1, f"{os.getpid()} {worker.pid}\\n".encode())
time.sleep(60)
"""
SUPERVISOR = f"""
import os, subprocess, sys
services = [subprocess.Popen([sys.executable, "-c", {SERVICE!r}]) for _ in range(2)]
while True:
    os.wait()
"""


@pytest.fixture
def session():
    """A session like supervisord's, with two services of one worker each: (session, [(service, worker), ...])."""
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as leader:
        services = [tuple(map(int, leader.stdout.readline().split())) for _ in range(2)]
        yield leader.pid, services
        for pid in (leader.pid, *sum(services, ())):
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)


def until_gone(pid):
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_while_its_leader_lives_a_worker_is_no_remnant(session):
    leader, _ = session
    assert alone.remnants(leader) == []


def test_the_worker_of_a_killed_service_is_a_remnant_and_its_neighbours_are_not(session):
    leader, [(service, worker), _] = session
    os.kill(service, signal.SIGKILL)
    until_gone(service)
    assert [process.pid for process in alone.remnants(leader)] == [worker]


def test_without_remnants_it_becomes_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "soh.local.alone", "/bin/echo", "two words"],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "include")},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "two words\n", "")
