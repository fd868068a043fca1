"""What a killed service leaves behind is found, and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from soh.local.alone import remnants

WORKER = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"

SESSION = f"""
import os, subprocess, sys, time
# As supervisord does: each service leads a process group of the session, and starts a worker in it.
services = [
    subprocess.Popen(
        [sys.executable, "-c", {WORKER!r}],
        process_group=0, stdout=subprocess.PIPE, text=True,
    )
    for _ in range(2)
]
for service in services:
    print(service.pid, service.stdout.readline().strip(), flush=True)
for service in services:
    service.wait()
time.sleep(60)
"""


@pytest.fixture
def session():
    """(session id, [(service, its worker)] x 2)."""
    leader = subprocess.Popen(
        [sys.executable, "-c", SESSION], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    pairs = [tuple(map(int, leader.stdout.readline().split())) for _ in range(2)]
    yield leader.pid, pairs
    for pid in (leader.pid, *(pid for pair in pairs for pid in pair)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    leader.wait()
    leader.stdout.close()


def test_no_service_that_lives_has_remnants(session):
    assert remnants(session[0]) == []


def test_the_worker_of_a_killed_service_is_a_remnant_and_its_neighbours_are_not(session):
    session_id, [(service, worker), _] = session
    os.kill(service, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(service) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [process.pid for process in remnants(session_id)] == [worker]
