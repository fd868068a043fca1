"""A registry that is not there."""

from __future__ import annotations

import pytest

from soh.classifier.registry import Registry
from soh.errors import ServerUnreachable


def test_a_registry_that_does_not_answer_is_unreachable_and_its_password_unsaid():
    registry = Registry("127.0.0.1", 1, "model_registry", "soh", "open sesame")
    says = r"127\.0\.0\.1:1/model_registry did not answer soh about soh_heat"
    with pytest.raises(ServerUnreachable, match=says) as raised:
        registry.champion("soh_heat")
    assert "sesame" not in str(raised.value)
    registry.close()
