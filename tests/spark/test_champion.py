import logging
from datetime import UTC, datetime, timedelta

import pytest
from tests.spark.models import Shelf, artefact

from soh.errors import ServerUnreachable
from soh.specs.fleets import HEAT, HYDRAULIC
from soh_spark.champion import ASK_AGAIN_AFTER, RETRY_AFTER, InUse, ModelOfStream, Refused, Step, next_step

FIRST, SECOND = artefact(HEAT, 0), artefact(HEAT, 1)


@pytest.mark.parametrize(
    ("present", "champion", "refused", "retry", "expected"),
    [
        pytest.param(None, None, None, True, Step.FALL_BACK, id="first-batch-without-a-champion"),
        pytest.param(None, "3", None, True, Step.LOAD, id="first-batch-with-a-champion"),
        pytest.param("rule", None, None, True, Step.KEEP, id="still-no-champion"),
        pytest.param("rule", "1", None, True, Step.LOAD, id="the-first-champion"),
        pytest.param("1", "1", None, True, Step.KEEP, id="no-change"),
        pytest.param("1", "2", None, False, Step.LOAD, id="a-new-champion"),
        pytest.param("2", "1", None, False, Step.LOAD, id="back-to-an-older-one"),
        pytest.param("1", "2", "2", False, Step.KEEP, id="refused-a-moment-ago"),
        pytest.param("1", "2", "2", True, Step.LOAD, id="refused-long-ago"),
        pytest.param("1", "3", "2", False, Step.LOAD, id="the-next-after-a-refused-one"),
        pytest.param("1", "1", "2", False, Step.KEEP, id="the-refused-one-was-withdrawn"),
        pytest.param("1", None, None, True, Step.FALL_BACK, id="the-alias-was-taken-away"),
        pytest.param("none", None, None, True, Step.FALL_BACK, id="the-fleet-got-a-rule"),
    ],
)
def test_next_step(present, champion, refused, retry, expected):
    assert next_step(present, champion, fallback="rule", refused=refused, retry=retry) is expected


class Paper:
    """A note in memory."""

    def __init__(self):
        self.text = None
        self.writings = 0

    def read(self):
        return self.text

    def write(self, text):
        self.text = text
        self.writings += 1

    @property
    def said(self):
        return InUse.from_json(self.text)


class Life:
    """One life of the app after another, with one registry, one note and one clock."""

    def __init__(self, fleet=HEAT):
        self.fleet = fleet
        self.shelf = Shelf(fleet)
        self.paper = Paper()
        self.time = datetime(2026, 5, 1, tzinfo=UTC)
        self.model = None
        self.begin()

    def begin(self, begun=None):
        self.model = ModelOfStream(
            "heat_scoring", self.fleet, self.shelf, self.shelf, self.paper, begun=begun, now=lambda: self.time
        )

    def version(self, batch, after=timedelta(seconds=1)):
        self.time += after
        version, model = self.model.for_batch(batch)
        assert self.paper.said.version == version, "the note must be there before the batch"
        assert (model is None) == (not version.isdecimal())
        return version


@pytest.fixture
def life():
    return Life()


@pytest.mark.parametrize(("fleet", "word"), [(HEAT, "rule"), (HYDRAULIC, "none")])
def test_without_a_champion_the_rule_or_nothing_grades(fleet, word):
    life = Life(fleet)
    assert [life.version(batch) for batch in range(3)] == [word] * 3
    assert life.paper.said == InUse(
        stream="heat_scoring", model=fleet.model.name, version=word, from_batch=0, since="2026-05-01T00:00:01+00:00"
    )


def test_the_note_is_written_only_when_something_changes(life):
    life.shelf.promote(1, FIRST)
    for batch in range(50):
        life.version(batch)
    life.shelf.promote(2, SECOND)
    for batch in range(50, 100):
        life.version(batch)
    assert life.paper.writings == 2
    assert (life.paper.said.version, life.paper.said.from_batch) == ("2", 50)
    assert life.shelf.questions == 100
    assert life.shelf.fetched == ["s3://models/1", "s3://models/2"]


BROKEN = {
    "missing": (None, "is not there"),
    "altered": (SECOND + b" ", "has been altered"),
}


@pytest.mark.parametrize(("stored", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_champion_keeps_the_model_before_it_and_says_so_once(life, stored, reason, caplog):
    life.shelf.promote(1, FIRST)
    life.version(0)
    life.shelf.promote(2, SECOND, stored=stored)
    assert {life.version(batch) for batch in range(1, 200)} == {"1"}
    assert life.paper.said.refused == Refused(
        version="2", reason=f"s3://models/2 {reason}", since="2026-05-01T00:00:02+00:00"
    )
    assert caplog.text.count("champion 2 is not used") == 1
    assert life.paper.writings == 2
    assert len(life.shelf.fetched) == 1 + -(-199 // int(RETRY_AFTER.total_seconds()))


@pytest.mark.parametrize("content", [b"no JSON", b"{}", artefact(HYDRAULIC)], ids=["garbage", "empty", "other-fleet's"])
def test_a_champion_that_is_not_a_model_of_the_fleet_is_refused(life, content):
    life.shelf.promote(2, content)
    assert life.version(0) == "rule"
    assert life.paper.said.refused.version == "2"


def test_a_repaired_champion_is_taken_at_the_next_try(life):
    life.shelf.promote(2, SECOND, stored=b"half of it")
    assert life.version(0) == "rule"
    life.shelf.promote(2, SECOND)
    assert life.version(1) == "rule"
    assert life.version(2, after=RETRY_AFTER) == "2"
    assert life.paper.said.refused is None


def test_a_broken_champion_that_is_withdrawn_is_no_longer_called_refused(life):
    life.shelf.promote(1, FIRST)
    life.version(0)
    life.shelf.promote(2, SECOND, stored=None)
    life.version(1)
    life.shelf.promote(1, FIRST)
    assert life.version(2) == "1"
    assert (life.paper.said.refused, life.paper.said.from_batch) == (None, 0)


def test_a_store_that_does_not_answer_keeps_the_model_and_is_asked_again(life):
    life.shelf.promote(1, FIRST)
    life.version(0)
    life.shelf.promote(2, SECOND)
    life.shelf.store_down = True
    assert life.version(1) == "1"
    assert life.paper.said.refused.reason == "the store does not answer"
    life.shelf.store_down = False
    assert life.version(2, after=RETRY_AFTER) == "2"


def test_a_registry_that_does_not_answer_keeps_the_model_and_is_warned_about_once(life, caplog):
    caplog.set_level(logging.INFO)
    life.shelf.promote(1, FIRST)
    life.version(0)
    life.shelf.registry_down = True
    asked = life.shelf.questions
    assert {life.version(batch) for batch in range(1, 61)} == {"1"}
    assert life.shelf.questions - asked == 60 // ASK_AGAIN_AFTER.seconds
    assert caplog.text.count("the registry does not answer") == 2, "the line itself, and the error in it"
    life.shelf.registry_down = False
    life.shelf.promote(2, SECOND)
    assert life.version(61, after=ASK_AGAIN_AFTER) == "2"
    assert "the registry answers again" in caplog.text


def test_the_alias_taken_away_brings_back_the_rule(life):
    life.shelf.promote(1, FIRST)
    life.version(0)
    life.shelf.promoted = None
    assert life.version(1) == "rule"
    assert (life.paper.said.from_batch, life.paper.said.uri) == (1, None)


def test_a_restart_takes_up_the_model_in_use_although_registry_and_champion_are_broken(life):
    life.shelf.promote(1, FIRST)
    life.version(0)
    life.shelf.promote(2, SECOND, stored=None)
    life.version(1)
    life.begin()
    assert life.version(2) == "1"
    life.shelf.registry_down = True
    life.begin()
    assert life.version(3) == "1"
    assert life.paper.said.from_batch == 0


def test_a_batch_that_was_begun_is_repeated_by_its_version_and_the_next_by_the_champion(life):
    life.shelf.promote(1, FIRST)
    life.version(0)
    life.shelf.promote(2, SECOND)
    life.begin(begun=5)
    assert [life.version(batch) for batch in (5, 6)] == ["1", "2"]


def test_a_batch_that_a_new_version_began_is_repeated_by_the_new_version(life):
    life.shelf.promote(1, FIRST)
    life.version(0)
    life.shelf.promote(2, SECOND)
    life.version(5)
    life.shelf.promote(3, FIRST)
    life.begin(begun=5)
    assert life.version(5) == "2"


def test_a_batch_that_was_begun_waits_for_a_store_that_does_not_answer(life):
    life.shelf.promote(1, FIRST)
    life.version(0)
    life.shelf.store_down = True
    life.begin(begun=1)
    with pytest.raises(ServerUnreachable, match="batch 1 was begun by version 1 and must be repeated by it"):
        life.version(1)


def test_a_new_batch_does_not_wait_for_a_store_that_does_not_answer(life):
    life.shelf.promote(1, FIRST)
    life.version(0)
    life.shelf.store_down = True
    life.begin()
    assert life.version(1) == "rule"
    assert life.paper.said.refused.version == "1"
    life.shelf.store_down = False
    assert life.version(2, after=RETRY_AFTER) == "1"


def test_a_model_in_use_whose_artefact_is_gone_for_good_does_not_stop_the_stream(life, caplog):
    life.shelf.promote(1, FIRST)
    life.version(0)
    life.shelf.artefacts.clear()
    life.shelf.promote(2, SECOND)
    life.begin(begun=1)
    assert life.version(1) == "2"
    assert "version 1 cannot be taken up again" in caplog.text


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"refused": {"by": 1}}'])
def test_a_note_that_is_none_is_written_anew(life, text):
    life.paper.text = text
    life.shelf.promote(1, FIRST)
    assert life.version(9) == "1"
    assert life.paper.said.from_batch == 9


def test_a_note_of_a_later_batch_belongs_to_a_checkpoint_that_is_gone(life):
    life.shelf.promote(1, FIRST)
    life.version(500)
    life.shelf.promote(2, SECOND)
    life.begin(begun=0)
    assert life.version(0) == "2"
    assert life.paper.said.from_batch == 0
