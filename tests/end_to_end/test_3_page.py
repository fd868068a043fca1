"""The page Fleet in a real browser: opened like a person does, in both themes, with a server down."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from tests.end_to_end import scratch

from soh.local.browser import FLEET_LINK, chromium, is_installed, sign_in, wait
from soh.orchestration.views import URL_PREFIX
from soh.specs import CONSUMER_GROUPS, FLEETS, STREAMS

HEAT = FLEETS["heat"]
STATES = {"normal", "caution", "warning", "danger", "idle", "unknown"}


@pytest.fixture(scope="module")
def address(streaming):
    return streaming.home.endpoints.airflow


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory):
    """Pytest keeps its folders of the last runs."""
    folder = tmp_path_factory.mktemp("fleet_page")
    print(f"screenshots are in {folder}")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    if not is_installed():
        pytest.skip("no chromium with its chromedriver on this machine (Debian: chromium-driver)")
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def page(browser, address, streaming):
    """The browser inside the page's frame, reached by signing in and by the navigation."""
    sign_in(browser, address, streaming.home.secrets["airflow_admin"])
    browser.find_element(*FLEET_LINK).click()
    waiting = wait(browser)
    waiting.until(expected_conditions.frame_to_be_available_and_switch_to_it((By.CSS_SELECTOR, "iframe[title=Fleet]")))
    waiting.until(expected_conditions.presence_of_element_located((By.CSS_SELECTOR, ".tile")))
    return browser


def texts(page, selector):
    return [element.text for element in page.find_elements(By.CSS_SELECTOR, selector)]


@contextmanager
def theme(page, name):
    """Airflow's own switch is two menus deep; it sets this class, which the page follows."""
    change = (
        "const list = parent.document.documentElement.classList; list.remove('dark', 'light'); list.add(arguments[0])"
    )
    page.execute_script(change, name)
    wait(page).until(lambda p: p.find_element(By.TAG_NAME, "html").get_attribute("data-theme") == name)
    yield page.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")


@pytest.mark.parametrize("path", ["/", "/static/fleet.js", "/api/overview", "/api/fleets/heat/facilities/100", "/nope"])
def test_the_page_refuses_whoever_is_not_signed_in(address, path):
    assert requests.get(f"{address}{URL_PREFIX}{path}", timeout=30).status_code == 401


def test_a_viewer_may_look_and_change_nothing(address, streaming):
    login = {"username": "viewer", "password": streaming.home.secrets["airflow_viewer"]}
    token = requests.post(f"{address}/auth/token", json=login, timeout=30).json()["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{address}{URL_PREFIX}/api/overview", headers=header, timeout=30).ok
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        asked = requests.request(method, f"{address}{URL_PREFIX}/api/overview", headers=header, timeout=30)
        assert asked.status_code == 405


def test_every_facility_is_there_with_a_state_in_words_and_shape(page):
    wait(page).until(lambda p: len(p.find_elements(By.CSS_SELECTOR, ".tile")) == scratch.FACILITIES)
    tiles = page.find_elements(By.CSS_SELECTOR, ".tile")
    expected = range(HEAT.first_facility, HEAT.first_facility + scratch.FACILITIES)
    assert [int(tile.find_element(By.TAG_NAME, "b").text) for tile in tiles] == [*expected]
    for tile in tiles:
        state = tile.get_attribute("data-state")
        assert state in STATES
        assert tile.find_element(By.TAG_NAME, "use").get_attribute("href") == f"#shape-{state}"
        assert state in tile.text or "silent" in tile.text


def test_every_reader_and_model_is_there(page):
    assert set(texts(page, "#readers td.name")) == {*STREAMS, *CONSUMER_GROUPS}
    assert [text.split()[0] for text in texts(page, "#models h3")] == [*FLEETS]


def test_the_table_sorts_by_a_click_on_a_title(page):
    page.find_element(By.ID, "as-table").click()
    try:
        for sorting in ("descending", "ascending"):
            page.find_element(By.XPATH, "//th/button[.='Facility']").click()
            shown = [int(text) for text in texts(page, "#table tbody td:first-child")]
            assert shown == sorted(shown, reverse=sorting == "descending")
            assert page.find_element(By.CSS_SELECTOR, f"th[aria-sort={sorting}]").text.startswith("Facility")
    finally:
        page.find_element(By.ID, "as-grid").click()


def test_a_click_opens_the_last_hours_of_a_facility(page):
    page.find_element(By.CSS_SELECTOR, f".tile[data-key='{HEAT.first_facility}']").click()
    for span in ("6h", "24h", "1h"):
        page.find_element(By.CSS_SELECTOR, f"[data-span='{span}']").click()
        for chart in ("pf", "probability", "temperature"):
            wait(page).until(
                lambda p, chart=chart: p.find_elements(By.CSS_SELECTOR, f".chart.{chart} :is(.line, .dot)")
            )
        assert page.find_elements(By.CSS_SELECTOR, ".chart.state rect.fill")
    assert page.find_element(By.ID, "facility-title").text == f"Facility {HEAT.first_facility}"


def test_it_wears_the_theme_of_airflow(page, screenshots):
    grounds = {}
    for name in ("dark", "light"):
        with theme(page, name) as grounds[name]:
            page.save_screenshot(str(screenshots / f"{name}.png"))
    assert grounds["dark"] != grounds["light"]


def test_it_fits_a_phone(page, screenshots):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        wait(page).until(lambda p: p.execute_script("return innerWidth") < size["width"])
        assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        page.save_screenshot(str(screenshots / "phone.png"))
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_it_says_that_influxdb_does_not_answer_and_keeps_the_last_values(page, streaming, screenshots):
    pid = streaming.supervisor.pid("influxdb")
    os.kill(pid, signal.SIGSTOP)
    try:
        wait(page).until(lambda p: any("InfluxDB does not answer" in text for text in texts(p, ".notice strong")))
        assert len(page.find_elements(By.CSS_SELECTOR, "#facilities.stale .tile")) == scratch.FACILITIES
        page.save_screenshot(str(screenshots / "influxdb_down.png"))
    finally:
        os.kill(pid, signal.SIGCONT)
    wait(page).until(lambda p: not p.find_elements(By.CSS_SELECTOR, "#facilities.stale"))


def test_the_browser_has_nothing_to_complain_of(page):
    complaints = [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
    assert [entry for entry in complaints if URL_PREFIX + "/" in entry["message"]] == []
