"""Stop, start and restart of a stream app, by command."""

from __future__ import annotations

from tests.end_to_end.scratch import wait_for


def app_id(platform):
    return platform.stream("heat_to_lake")["yarn_app_id"]


def commits_again(platform):
    before = platform.stream("heat_to_lake")["committed_batch"]
    wait_for(lambda: platform.stream("heat_to_lake")["committed_batch"] > before, 240, "another commit")


def test_restart_replaces_the_driver_and_goes_on(platform):
    before = app_id(platform)
    done = platform.soh("streams", "restart", "lake")
    assert done.returncode == 0, done.stderr
    assert app_id(platform) != before
    commits_again(platform)
    assert len(platform.drivers()) == 1


def test_stop_leaves_no_driver_and_start_brings_one_back(platform):
    done = platform.soh("streams", "stop", "lake")
    assert done.returncode == 0, done.stderr
    assert platform.drivers() == []
    before = app_id(platform)
    done = platform.soh("streams", "start", "lake")
    assert done.returncode == 0, done.stderr
    wait_for(lambda: app_id(platform) != before, 120, "a new app")
    commits_again(platform)


def test_an_app_that_nobody_declared_is_refused_with_the_names_there_are(platform):
    done = platform.soh("streams", "stop", "lakes")
    assert done.returncode != 0
    assert "lake" in done.stderr
    assert "Traceback" not in done.stderr
