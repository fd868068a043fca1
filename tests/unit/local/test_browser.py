"""Chromium for pictures and tests: what is said where there is none."""

import pytest

from soh.errors import SetupFailed
from soh.local import browser


@pytest.mark.parametrize("missing", ["chromium", "chromedriver"])
def test_a_machine_without_chromium_is_told_which_package_has_it(monkeypatch, missing):
    monkeypatch.setattr("shutil.which", lambda program: None if program == missing else f"/usr/bin/{program}")
    assert not browser.is_installed()
    with pytest.raises(SetupFailed, match="Debian: chromium-driver"), browser.chromium():
        pytest.fail("no browser can be started")
