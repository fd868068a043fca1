"""Debian's Chromium without a window, signed in to Airflow: what the pages' tests and the pictures of them share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

from soh.errors import SetupFailed

WITHIN = timedelta(seconds=60)
FLEET_LINK = (By.XPATH, "//nav//a[contains(., 'Fleet')] | //a[contains(@href, 'plugin/fleet')]")
"""The page Fleet in Airflow's navigation, which is there once a person is signed in."""

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-US",
    "--hide-scrollbars",
    "--window-size=1280,887",
)


def is_installed() -> bool:
    """Whether the machine has Chromium with its driver; the tests are skipped where it has not."""
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Chromium with a profile of its own, gone afterwards; its console is kept for `get_log("browser")`.

    Raises SetupFailed where the machine has no Chromium.
    """
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        raise SetupFailed("no chromium with its chromedriver on this machine (Debian: chromium-driver)")
    with tempfile.TemporaryDirectory(prefix="soh-chromium-", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = program
        for option in (*_OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        try:
            yield started
        finally:
            started.quit()


def wait(page: webdriver.Chrome, within: timedelta = WITHIN) -> WebDriverWait[webdriver.Chrome]:
    """A wait that takes a page which is being drawn anew for one that is not there yet."""
    return WebDriverWait(page, within.total_seconds(), ignored_exceptions=[WebDriverException])


def sign_in(page: webdriver.Chrome, address: str, password: str, user: str = "admin") -> None:
    """Sign in as a person does, and see Airflow's navigation."""
    page.get(address)
    waiting = wait(page)
    waiting.until(expected_conditions.presence_of_element_located((By.NAME, "username"))).send_keys(user)
    page.find_element(By.NAME, "password").send_keys(password)
    page.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    waiting.until(expected_conditions.element_to_be_clickable(FLEET_LINK))
