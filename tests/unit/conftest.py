"""Servers that unit tests talk to: small, local, and gone with the test."""

import pytest
from tests.fakes.yarn import FakeYarn


@pytest.fixture
def yarn():
    fake = FakeYarn()
    yield fake
    fake.close()
