"""`./soh screenshots`: pictures of the running copy for docs/first-look.md, healthy and, if asked, with faults."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import numpy as np
from selenium import webdriver
from selenium.common.exceptions import TimeoutException

from soh.airflow_api import AirflowApi, DagRun, RunState
from soh.errors import SetupFailed
from soh.local import png
from soh.local.browser import chromium, sign_in, wait
from soh.local.environments import ensure_browser
from soh.local.home import Home
from soh.local.options import FleetOptions
from soh.local.services import all_services
from soh.local.steps import Steps
from soh.local.supervisor import Supervisor, wait_for
from soh.local.up import wait_for_app
from soh.settings import PROJECT
from soh.specs import FLEETS, STREAM_APPS
from soh.specs.groups import SCORES_TO_TSDB
from soh.yarn import ResourceManager

FOLDER = PROJECT / "docs" / "images"
LARGEST = 200_000
"""Bytes of a picture: a document with ten of them still opens at once."""

Say = Callable[[str], None]

_SIZE = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
_STORED = {
    # All Dags on one screen.
    "dags_list_display": json.dumps("table"),
    # A verdict is a long line.
    "log_wrap": json.dumps(True),
    # The grid as wide as the names of its tasks are long; Airflow's own share for it is a fifth.
    "react-resizable-panels:grid-ltr": json.dumps(
        {"details-panel,main-panel": {"expandToSizes": {}, "layout": [42, 58]}}
    ),
}
"""What Airflow's pages keep in the browser, as a person would have chosen it."""

_TEXT = """
const texts = [document.body.innerText];
for (const frame of document.querySelectorAll('iframe')) texts.push(frame.contentDocument?.body?.innerText ?? '');
return texts.join('\\n');
"""
_PIXELS = """
const [source, done] = arguments;
const image = new Image();
image.onload = () => {
  const size = {width: image.width, height: image.height};
  const context = Object.assign(document.createElement('canvas'), size).getContext('2d');
  context.drawImage(image, 0, 0);
  const bytes = context.getImageData(0, 0, image.width, image.height).data;
  let text = '';
  for (let i = 0; i < bytes.length; i += 4) text += String.fromCharCode(bytes[i], bytes[i + 1], bytes[i + 2]);
  done([image.height, image.width, btoa(text)]);
};
image.src = 'data:image/png;base64,' + source;
"""
_SHOWN_BEFORE_IT_IS_LOADED = ".chakra-skeleton, [data-loading], [aria-busy=true]"
_STILL_WITHIN = timedelta(seconds=20)
_SERVICE = "scores-to-tsdb"
_RED_WITHIN = timedelta(minutes=10)
"""The watch looks every two minutes, and a red verdict takes the group's `stall_after` and a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One page of Airflow, and what must be on it before it is a picture worth taking."""

    name: str
    path: Callable[[AirflowApi], str]
    texts: tuple[str, ...]

    @property
    def file_name(self) -> str:
        return f"{self.name}.png"


def newest(api: AirflowApi, dag_id: str, *states: RunState) -> DagRun:
    """The latest run of a Dag in one of the states.

    Raises SetupFailed when it has none: there is nothing to show yet.
    """
    runs = api.runs(dag_id, *states, limit=1)
    if not runs:
        raise SetupFailed(f"{dag_id} has no run that is {' or '.join(states)}; see {api.url}/dags/{dag_id}")
    return runs[0]


def _of_task(dag_id: str, task_id: str, state: RunState) -> Callable[[AirflowApi], str]:
    """Path of the page of a task in the newest run of a state: the grid to the left, the task to the right."""
    return lambda api: f"/dags/{dag_id}/runs/{quote(newest(api, dag_id, state).run_id)}/tasks/{task_id}"


def _at(path: str) -> Callable[[AirflowApi], str]:
    return lambda _: path


_LAKE = STREAM_APPS["lake"].dag_id
_UNWATCHED = f"watch__{SCORES_TO_TSDB.name}__{FLEETS['heat'].scores.name}"

HEALTHY = (
    Picture(name="dags", path=_at("/dags"), texts=("batch_nightly", _LAKE, "consumer_watch")),
    Picture(name="fleet", path=_at("/plugin/fleet"), texts=("The platform is well", "moves")),
    Picture(
        name="stream-lake",
        path=_of_task(_LAKE, "run__app", RunState.RUNNING),
        texts=("run__app", "and it moves"),
    ),
    Picture(
        name="batch-nightly",
        path=_of_task("batch_nightly", "report", RunState.SUCCESS),
        texts=("compact__heat_raw", '"total": {'),
    ),
    Picture(
        name="consumer-watch",
        path=_of_task("consumer_watch", _UNWATCHED, RunState.SUCCESS),
        texts=(_UNWATCHED, "is ok"),
    ),
)

# The list of Dags first: two minutes later a new run of the watch hides the red one.
STOPPED_SERVICE = (
    Picture(name="dags-unhealthy", path=_at("/dags"), texts=("batch_nightly", _LAKE, "consumer_watch")),
    Picture(
        name="consumer-watch-unhealthy",
        path=_of_task("consumer_watch", _UNWATCHED, RunState.FAILED),
        texts=(_UNWATCHED, "records unread"),
    ),
    Picture(name="fleet-unhealthy", path=_at("/plugin/fleet"), texts=(SCORES_TO_TSDB.name, "silent")),
)
DEAD_DRIVER = (
    Picture(
        name="stream-lake-unhealthy",
        path=_of_task(_LAKE, "run__app", RunState.FAILED),
        texts=("run__app", "a stream app never ends by itself"),
    ),
)
PICTURES = (*HEALTHY, *STOPPED_SERVICE, *DEAD_DRIVER)


def take(home: Home, folder: Path, *, unhealthy: bool, steps: Steps) -> None:
    """Take the pictures of the healthy copy into the folder, and then those of the faults if asked to.

    Raises SetupFailed for a page that does not come to show what it should, and for a picture that is too large.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with steps.step("Browser") as say:
        say(ensure_browser())
    api = AirflowApi(home.endpoints.airflow, "admin", home.secrets["airflow_admin"])
    with chromium() as page:
        with steps.step("Sign in"):
            sign_in(page, api.url, home.secrets["airflow_admin"])
            page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", _SIZE)
            for key, value in _STORED.items():
                page.execute_script("localStorage.setItem(arguments[0], arguments[1])", key, value)
        _take_all(HEALTHY, page, api, folder, steps)
        if unhealthy:
            with _stopped_service(home, api, steps):
                _take_all(STOPPED_SERVICE, page, api, folder, steps)
            _replace_driver(home, api, steps)
            _take_all(DEAD_DRIVER, page, api, folder, steps)


@contextmanager
def _stopped_service(home: Home, api: AirflowApi, steps: Steps) -> Iterator[None]:
    """Nobody writes grades to InfluxDB, and the watch has seen it; the service runs again afterwards, come what may."""
    supervisor = Supervisor(home)
    service = next(s for s in all_services(home, FleetOptions.remembered(home)) if s.name == _SERVICE)
    try:
        with steps.step(f"Stop {_SERVICE}") as say:
            since = datetime.now(UTC)
            supervisor.stop([_SERVICE])
            _wait_for_failure(api, "consumer_watch", _UNWATCHED, since, _RED_WITHIN, say)
        yield
    finally:
        with steps.step(f"Start {_SERVICE}"):
            supervisor.start([service])


def _replace_driver(home: Home, api: AirflowApi, steps: Steps) -> None:
    """Kill the driver of lake; the stream's own Dag puts another in its place, so there is nothing to undo."""
    cluster = ResourceManager(home.endpoints.yarn)
    with steps.step("Kill the driver of lake") as say:
        since = datetime.now(UTC)
        drivers = cluster.apps(STREAM_APPS["lake"].yarn_tag)
        for found in drivers:
            if found.alive:
                cluster.kill(found.id)
        _wait_for_failure(api, _LAKE, "run__app", since, timedelta(minutes=3), say)
        wait_for_app(home, "lake", say, other_than={found.id for found in drivers})


def _wait_for_failure(api: AirflowApi, dag_id: str, task_id: str, since: datetime, within: timedelta, say: Say) -> None:
    """Wait until the task has failed in a run that ended after `since`."""

    def failed() -> bool:
        runs = [run for run in api.runs(dag_id, RunState.FAILED, limit=1) if run.ended and run.ended > since]
        tasks = [task for run in runs for task in api.task_instances(dag_id, run.run_id)]
        return any(task.task_id == task_id and task.state == "failed" for task in tasks)

    say(f"waiting for {task_id} to fail")
    wait_for(failed, within, f"{task_id} of {dag_id} to fail; see {api.url}/dags/{dag_id}")


def _take_all(
    pictures: tuple[Picture, ...], page: webdriver.Chrome, api: AirflowApi, folder: Path, steps: Steps
) -> None:
    for picture in pictures:
        with steps.step(picture.file_name) as say:
            shot = _reduced(_shoot(picture, page, api), page)
            if len(shot) >= LARGEST:
                raise SetupFailed(f"{picture.file_name} has {len(shot):,} bytes; it must be below {LARGEST:,}")
            (folder / picture.file_name).write_bytes(shot)
            say(f"{len(shot):,} bytes")


def _shoot(picture: Picture, page: webdriver.Chrome, api: AirflowApi) -> bytes:
    page.get(f"{api.url}{picture.path(api)}")
    try:
        wait(page).until(lambda p: not absent(picture.texts, _text(p)) and _is_loaded(p))
    except TimeoutException:
        missing = ", ".join(absent(picture.texts, _text(page))) or "an end of its loading"
        raise SetupFailed(f"{page.current_url} did not come to show: {missing}") from None
    return still(lambda: _capture(page), _STILL_WITHIN)


def _capture(page: webdriver.Chrome) -> bytes:
    # An unfolded stack trace hides the reason above it, and shows folders of this machine.
    page.execute_script("for (const found of document.querySelectorAll('details[open]')) found.open = false")
    return b64decode(page.get_screenshot_as_base64())


def absent(texts: tuple[str, ...], shown: str) -> list[str]:
    """Those of the texts that are not on the page."""
    return [text for text in texts if text not in shown]


def still(capture: Callable[[], bytes], within: timedelta, pause: timedelta = timedelta(seconds=1)) -> bytes:
    """A picture that was the same at two looks in a row; the last one of a page that never rests."""
    deadline = time.monotonic() + within.total_seconds()
    last = capture()
    while time.monotonic() < deadline:
        time.sleep(pause.total_seconds())
        before, last = last, capture()
        if last == before:
            break
    return last


def _text(page: webdriver.Chrome) -> str:
    return str(page.execute_script(_TEXT))


def _is_loaded(page: webdriver.Chrome) -> bool:
    return not page.execute_script(
        "return [...document.querySelectorAll(arguments[0])].some(found => found.checkVisibility())",
        _SHOWN_BEFORE_IT_IS_LOADED,
    )


def _reduced(shot: bytes, page: webdriver.Chrome) -> bytes:
    """The picture with fewer colours; the browser, which is there anyway, unpacks it, so no library has to."""
    page.get("about:blank")
    height, width, pixels = page.execute_async_script(_PIXELS, b64encode(shot).decode())
    return png.encode(np.frombuffer(b64decode(pixels), dtype=np.uint8).reshape(height, width, 3))
