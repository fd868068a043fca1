"""`./soh screenshots`: when a picture is taken, of which run, and what is put back afterwards."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace

import pytest
from selenium.common.exceptions import TimeoutException

from soh.airflow_api import DagRun, RunState, TaskInstance
from soh.errors import SetupFailed
from soh.local import screenshots
from soh.local.steps import Steps

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOON = timedelta(seconds=1)


class FakeAirflow:
    """Runs of one Dag, newest first, each with the state of its one task."""

    url = "http://airflow"

    def __init__(self, *runs, task="failed"):
        self._runs = runs
        self._task = task

    def runs(self, dag_id, *states, limit=100):
        return [run for run in self._runs if not states or run.state in states][:limit]

    def task_instances(self, dag_id, run_id):
        return [TaskInstance(task_id="watch", state=self._task, try_number=1)]


def run(run_id, state, ended=None):
    return DagRun(dag_id="d", run_id=run_id, state=state, started=NOON, ended=ended)


@pytest.fixture
def steps():
    return Steps(StringIO())


@pytest.fixture
def supervisor(monkeypatch):
    """What the supervisor was told to do."""
    told = []
    fake = SimpleNamespace(
        stop=lambda names: told.append(("stop", list(names))),
        start=lambda services: told.append(("start", [service.name for service in services])),
    )
    monkeypatch.setattr(screenshots, "Supervisor", lambda home: fake)
    return told


def test_the_run_that_is_shown_is_the_newest_of_the_wanted_state():
    airflow = FakeAirflow(run("c", RunState.RUNNING), run("b", RunState.FAILED), run("a", RunState.FAILED))
    assert screenshots.newest(airflow, "d", RunState.FAILED).run_id == "b"


def test_a_dag_without_a_run_of_this_state_is_named():
    with pytest.raises(SetupFailed, match="d has no run that is success"):
        screenshots.newest(FakeAirflow(run("a", RunState.FAILED)), "d", RunState.SUCCESS)


def test_a_run_id_with_a_plus_sign_is_quoted_in_the_address():
    airflow = FakeAirflow(run("at 12:00+00:00", RunState.SUCCESS))
    picture = next(picture for picture in screenshots.HEALTHY if picture.name == "consumer-watch")
    assert "/runs/at%2012%3A00%2B00%3A00/tasks/" in picture.path(airflow)


def test_texts_that_are_not_on_the_page_are_named():
    assert screenshots.absent(("moves", "well"), "the platform is well") == ["moves"]


def test_a_picture_is_taken_when_the_page_rests():
    looks = iter([b"skeleton", b"half", b"whole", b"whole", b"later"])
    assert screenshots.still(lambda: next(looks), timedelta(seconds=5), pause=timedelta(0)) == b"whole"
    assert next(looks) == b"later"


def test_a_page_that_never_rests_is_taken_as_it_is():
    looks = iter(range(1_000_000))
    within = timedelta(milliseconds=20)
    assert screenshots.still(lambda: b"%d" % next(looks), within, pause=timedelta(milliseconds=1)) > b"0"


def test_a_page_that_does_not_come_to_show_what_it_should_is_no_picture(monkeypatch):
    def until(_condition):
        raise TimeoutException

    monkeypatch.setattr(screenshots, "wait", lambda page: SimpleNamespace(until=until))
    page = SimpleNamespace(
        get=lambda url: None, execute_script=lambda script: "loading", current_url="http://airflow/x"
    )
    picture = screenshots.Picture(name="x", path=lambda _: "/x", texts=("well",))
    with pytest.raises(SetupFailed, match="http://airflow/x did not come to show: well"):
        screenshots._shoot(picture, page, FakeAirflow())


def test_a_picture_that_is_too_large_is_not_written(monkeypatch, tmp_path, steps):
    monkeypatch.setattr(screenshots, "_shoot", lambda *_: b"")
    monkeypatch.setattr(screenshots, "_reduced", lambda *_: b"x" * screenshots.LARGEST)
    with pytest.raises(SetupFailed, match=r"dags\.png has 200,000 bytes"):
        screenshots._take_all(screenshots.HEALTHY[:1], None, FakeAirflow(), tmp_path, steps)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "airflow",
    [
        pytest.param(FakeAirflow(run("a", RunState.FAILED, NOON - SOON)), id="failed-before"),
        pytest.param(FakeAirflow(run("a", RunState.SUCCESS, NOON + SOON)), id="did-not-fail"),
        pytest.param(FakeAirflow(run("a", RunState.FAILED, NOON + SOON), task="success"), id="another-task-failed"),
    ],
)
def test_a_failure_that_is_not_the_one_that_was_made_does_not_count(airflow):
    with pytest.raises(SetupFailed, match="watch of d to fail"):
        screenshots._wait_for_failure(airflow, "d", "watch", NOON, timedelta(0), lambda _: None)


def test_the_failure_that_was_made_ends_the_wait():
    airflow = FakeAirflow(run("a", RunState.FAILED, NOON + SOON))
    screenshots._wait_for_failure(airflow, "d", "watch", NOON, timedelta(0), lambda _: None)


def test_the_service_runs_again_when_the_pictures_fail(monkeypatch, home, supervisor, steps):
    monkeypatch.setattr(screenshots, "_wait_for_failure", lambda *_: None)
    with (
        pytest.raises(SetupFailed, match="no picture"),
        screenshots._stopped_service(home, FakeAirflow(), steps),
    ):
        raise SetupFailed("no picture")
    assert supervisor == [("stop", ["scores-to-tsdb"]), ("start", ["scores-to-tsdb"])]


def test_the_service_runs_again_when_the_watch_does_not_turn_red(monkeypatch, home, supervisor, steps):
    def never(*_):
        raise SetupFailed("still green")

    monkeypatch.setattr(screenshots, "_wait_for_failure", never)
    with pytest.raises(SetupFailed, match="still green"), screenshots._stopped_service(home, FakeAirflow(), steps):
        pytest.fail("there is nothing to take pictures of")
    assert supervisor[-1] == ("start", ["scores-to-tsdb"])


def test_only_living_drivers_are_killed_and_another_one_is_waited_for(monkeypatch, home, steps):
    killed, waited = [], []
    drivers = [SimpleNamespace(id="old", alive=False), SimpleNamespace(id="new", alive=True)]
    cluster = SimpleNamespace(apps=lambda tag: drivers, kill=killed.append)
    monkeypatch.setattr(screenshots, "ResourceManager", lambda url: cluster)
    monkeypatch.setattr(screenshots, "_wait_for_failure", lambda *_: None)
    monkeypatch.setattr(screenshots, "wait_for_app", lambda *_, other_than: waited.append(other_than))
    screenshots._replace_driver(home, FakeAirflow(), steps)
    assert killed == ["new"]
    assert waited == [{"old", "new"}]


def test_nothing_is_stopped_or_killed_unless_asked(monkeypatch, home, tmp_path, steps):
    taken = []

    @contextmanager
    def chromium():
        yield SimpleNamespace(execute_cdp_cmd=lambda *_: None, execute_script=lambda *_: None)

    def touched(*_):
        pytest.fail("a healthy system is to be left alone")

    monkeypatch.setattr(screenshots, "chromium", chromium)
    monkeypatch.setattr(screenshots, "ensure_browser", lambda: "all there")
    monkeypatch.setattr(screenshots, "sign_in", lambda *_: None)
    monkeypatch.setattr(screenshots, "_take_all", lambda pictures, *_: taken.extend(pictures))
    monkeypatch.setattr(screenshots, "_stopped_service", touched)
    monkeypatch.setattr(screenshots, "_replace_driver", touched)
    screenshots.take(home, tmp_path / "made", unhealthy=False, steps=steps)
    assert tuple(taken) == screenshots.HEALTHY
    assert (tmp_path / "made").is_dir()
