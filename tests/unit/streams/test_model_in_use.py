"""What a scoring stream says of its model is read as it was meant, or refused by name."""

import json

import pytest

from soh.errors import BadInput
from soh.streams import model_in_use
from soh.streams.model_in_use import ModelInUse

SAID = {
    "stream": "heat_scoring",
    "model": "soh_heat",
    "version": "3",
    "from_batch": 17,
    "since": "2026-03-01T12:00:00+00:00",
    "refused": None,
}


class Folder:
    def __init__(self, files):
        self.files = files

    def read_text(self, path):
        return self.files.get(path)


def test_a_stream_that_has_not_graded_yet_says_nothing():
    assert model_in_use.read(Folder({}), "heat_scoring") is None


def test_what_it_says_is_read_from_its_own_file():
    files = {"/soh/models_in_use/heat_scoring.json": json.dumps(SAID), "/soh/models_in_use/other.json": "{}"}
    assert model_in_use.read(Folder(files), "heat_scoring") == ModelInUse(
        version="3", from_batch=17, since="2026-03-01T12:00:00+00:00", refused=None
    )


def test_a_refused_champion_is_told_with_its_version_and_reason():
    refused = {"version": "4", "reason": "its SHA-256 is another", "since": "2026-03-01T12:00:05+00:00"}
    found = model_in_use.parse(json.dumps(SAID | {"refused": refused}), "/x.json")
    assert (found.version, found.refused) == ("3", "version 4: its SHA-256 is another")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="not-json"),
        pytest.param("[]", id="not-an-object"),
        pytest.param(json.dumps({k: v for k, v in SAID.items() if k != "from_batch"}), id="a-part-is-missing"),
        pytest.param(json.dumps(SAID | {"refused": "badly"}), id="refused-is-a-word"),
    ],
)
def test_anything_else_is_refused_with_the_path(text):
    with pytest.raises(BadInput, match=r"/x\.json"):
        model_in_use.parse(text, "/x.json")
