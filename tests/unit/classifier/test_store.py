"""Addresses of artefacts, and a store that is not there."""

from __future__ import annotations

import pytest

from soh.classifier.store import ArtefactStore
from soh.errors import BadInput, ServerUnreachable

NOWHERE = "http://127.0.0.1:1"


@pytest.mark.parametrize("uri", ["", "s3://bucket", "s3://bucket/", "s3:///key", "file:///etc/passwd", "/models/a"])
def test_what_is_no_address_of_an_artefact_is_refused(uri):
    with pytest.raises(BadInput, match="s3://bucket/name"):
        ArtefactStore(NOWHERE, "key", "secret", "s3://models").get(uri, "00")


def test_a_store_that_does_not_answer_is_unreachable_and_named():
    store = ArtefactStore(NOWHERE, "key", "secret", "s3://models/here/")
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1 did not take s3://models/here/a\.json"):
        store.put("a.json", b"{}")
    with pytest.raises(ServerUnreachable, match=r"did not give s3://models/a"):
        store.get("s3://models/a", "00")
