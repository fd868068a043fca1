"""The last step of a record to Kafka: given to Kafka's client, and off the outbox when acknowledged."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from soh.errors import ServerUnreachable
from soh.fleet.ledger import Ledger
from soh.fleet.outbox import Outbox
from soh.fleet.wire import Message
from soh.trouble import Trouble

MANY_READINGS = 100.0
"""A second; so many share requests, if they wait for each other a little."""


def producer_settings(bootstrap: str, client: str, rate: float) -> dict[str, str | int | bool]:
    """Settings of librdkafka: nothing lost, nothing twice, nothing out of order; `rate` in readings a second."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": client,
        "acks": "all",
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        # A request costs three brokers and all readers more than the readings in it, with the fetches that follow it
        # some milliseconds of processor: a large fleet makes at most 15 of them a second, and a grade comes so much
        # later.
        "linger.ms": 200 if rate >= MANY_READINGS else 50,
        # 0 = for ever: an outage of the brokers delays readings and loses none.
        "message.timeout.ms": 0,
        "queue.buffering.max.messages": 500_000,
        "queue.buffering.max.kbytes": 512 * 1024,
        "reconnect.backoff.max.ms": 2000,
        # Critical only: what lasts is told by Trouble, in words that say what it means.
        "log_level": 2,
    }


class Sender:
    """Kafka's client between the outbox and the ledger. Its callbacks run inside `poll` and `finish`."""

    def __init__(self, settings: dict[str, str | int | bool], outbox: Outbox, ledger: Ledger, trouble: Trouble) -> None:
        self._outbox = outbox
        self._ledger = ledger
        self._trouble = trouble
        self._refusal: KafkaError | None = None
        self._producer = Producer({**settings, "error_cb": self._unreachable})

    def send(self, message: Message) -> bool:
        """Give a message that was handed over to Kafka's client; False when its queue has no room."""
        try:
            self._producer.produce(
                message.topic, key=message.key, value=message.value, on_delivery=partial(self._delivered, message)
            )
        except BufferError:
            self._trouble("%d records wait for Kafka and fill the queue; reading pauses", len(self._producer))
            return False
        except KafkaException as error:
            raise ServerUnreachable(f"Kafka's client takes no more records: {error.args[0].str()}") from None
        self._ledger.sent += 1
        return True

    def poll(self) -> None:
        """Take in acknowledgements; ServerUnreachable when Kafka refused a record for good."""
        self._producer.poll(0)
        if self._refusal is not None:
            raise ServerUnreachable(f"Kafka refused records: {self._refusal.str()}; they will be sent again")

    async def finish(self, within: timedelta) -> None:
        """Wait for acknowledgements, then end the client; what is still unsent stays in the outbox."""
        deadline = time.monotonic() + within.total_seconds()
        while len(self._producer) and self._refusal is None and time.monotonic() < deadline:
            await asyncio.to_thread(self._producer.flush, 0.25)
        self._producer.purge()
        await asyncio.to_thread(self._producer.flush, 2.0)

    def _delivered(self, message: Message, error: KafkaError | None, _: Any) -> None:
        if error is None:
            self._ledger.acknowledge(message)
            self._outbox.acknowledge(message)
        elif error.code() not in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
            self._ledger.errors += 1
            self._refusal = self._refusal or error

    def _unreachable(self, error: KafkaError) -> None:
        self._trouble("Kafka: %s; %d records wait for it", error.str(), len(self._outbox.unacknowledged))
