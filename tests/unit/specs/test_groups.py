from __future__ import annotations

import pytest

from soh.errors import BadDeclaration
from soh.specs import CONSUMER_GROUPS, STREAMS, topics
from soh.specs.groups import ConsumerGroupSpec

REFUSED = {
    "bad-name": ({"name": "my group"}, "consumer group 'my group'"),
    "nothing-to-read": ({"reads": ()}, "reads no topic"),
    "negative-allowance": ({"allowed_lag": -1}, "allowed_lag must not be negative"),
}


@pytest.mark.parametrize(("differing", "complaint"), REFUSED.values(), ids=REFUSED.keys())
def test_a_consumer_group_that_contradicts_itself_is_refused(differing, complaint):
    with pytest.raises(BadDeclaration, match=complaint):
        ConsumerGroupSpec(**({"name": "dashboards", "description": "Show.", "reads": (topics.HEAT,)} | differing))


def test_no_consumer_group_has_the_name_of_a_stream():
    assert CONSUMER_GROUPS.keys().isdisjoint(STREAMS)
