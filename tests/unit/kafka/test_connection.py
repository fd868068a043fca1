from __future__ import annotations

from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaError, KafkaException

from soh.errors import ServerUnreachable
from soh.kafka import connection


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(connection.time, "sleep", lambda _: None)


def kafka_error(code: int, words: str = "in the broker's words") -> KafkaException:
    return KafkaException(KafkaError(code, words))


class Question:
    """Fails with each error in turn, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    ],
)
def test_a_question_is_asked_again_while_a_partition_or_a_group_changes_its_broker(code):
    question = Question(kafka_error(code), kafka_error(code))
    assert connection.once_led(question) == "answer"
    assert question.asked == 3


def test_a_partition_that_finds_no_leader_is_given_up():
    question = Question(*(kafka_error(KafkaError.LEADER_NOT_AVAILABLE) for _ in range(100)))
    with pytest.raises(KafkaException):
        connection.once_led(question)
    assert 1 < question.asked < 20


def test_any_other_failure_is_not_asked_again():
    question = Question(kafka_error(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    with pytest.raises(KafkaException):
        connection.once_led(question)
    assert question.asked == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(kafka_error(KafkaError._TRANSPORT), "_TRANSPORT: in the broker's words", id="broker-down"),
        pytest.param(TimeoutError(), "TimeoutError", id="no-answer"),
    ],
)
def test_a_failure_names_the_brokers_the_question_and_the_brokers_own_words(error, words):
    with pytest.raises(ServerUnreachable) as raised, connection.asking("broker:9092", "tell the offsets of topic heat"):
        raise error
    assert f"Kafka at broker:9092 did not tell the offsets of topic heat: {words}. " in str(raised.value)


def test_what_is_no_failure_of_the_broker_passes_unchanged():
    with pytest.raises(ZeroDivisionError), connection.asking("broker:9092", "answer"):
        raise ZeroDivisionError


def test_every_answer_is_waited_for_and_the_first_failure_is_raised():
    good: Future[int] = Future()
    good.set_result(7)
    bad: Future[int] = Future()
    bad.set_exception(kafka_error(KafkaError._TIMED_OUT))
    assert connection.answers({"heat": good}) == {"heat": 7}
    with pytest.raises(KafkaException):
        connection.answers({"heat": good, "hydraulic": bad})


def test_an_exception_without_a_kafka_error_has_no_code():
    assert connection.error_code(KafkaException("plain")) is None
    assert connection.error_code(kafka_error(KafkaError.INVALID_CONFIG)) == KafkaError.INVALID_CONFIG
