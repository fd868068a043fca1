from datetime import timedelta

import pytest

from soh.errors import ServerUnreachable, TopicMissing
from soh_spark.topics import existing_topics, wait_for_topics


class Broker:
    """Answers of a broker, one a look; the last one stays."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.slept = 0.0

    def topics(self):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(self, seconds):
        self.slept += seconds


def test_topics_that_are_there_are_not_waited_for():
    broker = Broker({"heat", "heat_dead", "other"})
    wait_for_topics({"heat", "heat_dead"}, broker.topics, sleep=broker.sleep)
    assert broker.slept == 0


def test_a_topic_that_comes_later_is_waited_for():
    broker = Broker(ServerUnreachable("no broker"), set(), {"heat"}, {"heat", "heat_dead"})
    wait_for_topics({"heat", "heat_dead"}, broker.topics, sleep=broker.sleep)
    assert broker.slept == 15


def test_a_topic_that_never_comes_is_named():
    broker = Broker({"heat"})
    with pytest.raises(TopicMissing, match=r"lacks the topics heat_dead, which the Dag kafka_topics creates"):
        wait_for_topics({"heat", "heat_dead"}, broker.topics, sleep=broker.sleep)
    assert broker.slept == 120


def test_a_broker_that_never_answers_is_named():
    broker = Broker(ServerUnreachable("the Kafka brokers at nowhere:1 do not answer"))
    with pytest.raises(ServerUnreachable, match="nowhere:1"):
        wait_for_topics({"heat"}, broker.topics, sleep=broker.sleep)


def test_an_unreachable_broker_is_an_error_of_ours(spark, monkeypatch):
    monkeypatch.setattr("soh_spark.topics.ANSWER_WITHIN", timedelta(seconds=1))
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:1 do not list their topics"):
        existing_topics(spark, "127.0.0.1:1")
