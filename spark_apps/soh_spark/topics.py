"""What the brokers say of topics before a stream subscribes to them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from soh.errors import ServerUnreachable, TopicMissing
from soh_spark.session import jvm

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=5)
ANSWER_WITHIN = timedelta(seconds=15)


@contextmanager
def admin(spark: SparkSession, kafka: str, what: str) -> Iterator[Any]:
    """Java's AdminClient of the brokers `kafka`; raises ServerUnreachable, which says that they do not do `what`."""
    java = jvm(spark)
    settings = java.java.util.Properties()
    settings.setProperty("bootstrap.servers", kafka)
    milliseconds = str(ANSWER_WITHIN // timedelta(milliseconds=1))
    settings.setProperty("request.timeout.ms", milliseconds)
    settings.setProperty("default.api.timeout.ms", milliseconds)
    client = java.org.apache.kafka.clients.admin.AdminClient.create(settings)
    try:
        yield client
    except Py4JJavaError as error:
        reason = error.java_exception.getMessage()
        raise ServerUnreachable(f"the Kafka brokers at {kafka} do not {what}: {reason}") from None
    finally:
        client.close()


def existing_topics(spark: SparkSession, kafka: str) -> set[str]:
    """Names of the topics on the brokers `kafka`; raises ServerUnreachable."""
    with admin(spark, kafka, "list their topics") as client:
        return set(client.listTopics().names().get())


def wait_for_topics(
    wanted: Collection[str],
    existing: Callable[[], set[str]],
    *,
    within: timedelta = timedelta(minutes=2),
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return when `existing()` holds all of `wanted`; raises TopicMissing, or what `existing` raised last."""
    for looks_left in reversed(range(within // LOOK_EVERY + 1)):
        try:
            missing = sorted(set(wanted) - existing())
        except ServerUnreachable as error:
            if not looks_left:
                raise
            log.warning("%s; looking again in %s s", error, LOOK_EVERY.seconds)
        else:
            if not missing:
                return
            sentence = f"the broker lacks the topics {', '.join(missing)}, which the Dag kafka_topics creates"
            if not looks_left:
                raise TopicMissing(f"{sentence}; waited {within} for them")
            log.warning("%s; looking again in %s s", sentence, LOOK_EVERY.seconds)
        sleep(LOOK_EVERY.total_seconds())
