"""A copy's folder on which nothing runs."""

import pytest

from soh.local.home import Home


@pytest.fixture
def home(tmp_path):
    made = Home(path=tmp_path / "home", port_base=23000)
    made.make()
    return made
