"""What would make a start fail is said before the start, all of it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from soh.errors import SetupFailed
from soh.local import preflight
from soh.local.ports import Ports
from soh.local.profile import PROFILES, SMALL

PLENTY = 64 * 1024**3


@pytest.fixture
def machine(monkeypatch):
    """A machine that has everything; change one thing at a time."""
    state = SimpleNamespace(memory=PLENTY, disk=PLENTY, taken=[], java=None)

    def java_home():
        if state.java:
            raise SetupFailed(state.java)

    monkeypatch.setattr(preflight.psutil, "virtual_memory", lambda: SimpleNamespace(available=state.memory))
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: SimpleNamespace(free=state.disk))
    monkeypatch.setattr(Ports, "taken", lambda _: state.taken)
    monkeypatch.setattr(preflight, "java_home", java_home)
    monkeypatch.setattr(preflight, "postgres_bin", lambda: None)
    return state


def test_a_machine_that_has_everything_is_described(machine, home):
    found = preflight.check(home, already_up=False)
    assert found == f"64.0 GiB memory, 64.0 GiB disk, ports from {home.port_base}"


@pytest.mark.parametrize(
    ("lack", "sentence"),
    [
        pytest.param({"memory": 2 * 1024**3}, r"2\.0 GiB of memory are available; the services need", id="memory"),
        pytest.param({"disk": 1024**3}, r"has 1\.0 GiB free; it needs", id="disk"),
        pytest.param({"taken": [("airflow", 23040)]}, r"23040 \(airflow\).*SOH_PORT_BASE", id="port"),
        pytest.param({"java": "no Java 17 or 21"}, "no Java 17 or 21", id="java"),
    ],
)
def test_what_is_lacking_is_named(machine, home, lack, sentence):
    vars(machine).update(lack)
    with pytest.raises(SetupFailed, match=sentence):
        preflight.check(home, already_up=False)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_each_profile_asks_for_its_own_memory(machine, home, profile):
    copy = replace(home, profile=profile)
    machine.memory = profile.needed_memory
    assert preflight.check(copy, already_up=False)
    machine.memory -= 1
    with pytest.raises(SetupFailed, match="the services need"):
        preflight.check(copy, already_up=False)


def test_a_machine_too_small_for_the_standard_profile_is_told_of_the_small_one(machine, home):
    machine.memory = SMALL.needed_memory
    with pytest.raises(SetupFailed, match="--profile small needs"):
        preflight.check(home, already_up=False)


def test_every_obstacle_is_named_at_once(machine, home):
    vars(machine).update(memory=0, disk=0, java="no Java")
    with pytest.raises(SetupFailed) as failure:
        preflight.check(home, already_up=False)
    assert str(failure.value).count("\n  - ") == 3


def test_a_copy_that_runs_already_may_hold_its_own_memory_and_ports(machine, home):
    vars(machine).update(memory=0, taken=[("airflow", 23040)])
    assert preflight.check(home, already_up=True)


def test_the_disk_is_asked_before_the_folder_exists(machine, home, monkeypatch):
    asked = []
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: asked.append(path) or SimpleNamespace(free=PLENTY))
    home.purge()
    preflight.check(home, already_up=False)
    assert asked == [str(home.path.parent)]
