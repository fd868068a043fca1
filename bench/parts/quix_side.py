"""The side on quix-streams: the same work as the plain consumer, as that framework does it; runs in its environment."""

from __future__ import annotations

import argparse
import tempfile
import time
from typing import Any

from quixstreams import Application, message_context

from bench.parts.plain import PRODUCER, score
from bench.parts.serve import open_answers, serve
from soh.specs.fleets import HEAT

_SILENT_FOR = 60.0
"""Seconds without a record after which something is wrong."""


def run(kafka: str, topic: str, records: int, turn: int, folder: str) -> dict[str, float]:
    """Grade all `records` readings; seconds are counted from the first in hand to the last acknowledged."""
    began = time.perf_counter()
    first = 0.0
    app = Application(
        broker_address=kafka,
        consumer_group=f"soh_bench_quix_{turn}",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        use_changelog_topics=False,
        state_dir=folder,
        loglevel="WARNING",
        producer_extra_config=PRODUCER,
    )

    def graded(reading: dict[str, Any], _key: Any, sent_at: int, _headers: Any) -> dict[str, Any]:
        nonlocal first
        first = first or time.perf_counter()
        where = message_context()
        return score(reading, where.partition, where.offset, sent_at / 1000)

    source = app.topic(HEAT.readings.name, key_deserializer="bytes", value_deserializer="json")
    target = app.topic(topic, key_serializer="bytes", value_serializer="json")
    app.dataframe(source).apply(graded, metadata=True).to_topic(target)
    app.run(count=records, timeout=_SILENT_FOR, collect=False)
    return {"seconds": time.perf_counter() - first, "start_seconds": first - began}


def main() -> None:
    """Serve until the parent is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--records", type=int, required=True)
    given = parser.parse_args()
    answers = open_answers()
    with tempfile.TemporaryDirectory(prefix="soh-quix-") as folder:
        serve({"run": lambda turn: run(given.kafka, given.topic, given.records, turn, folder)}, answers)


if __name__ == "__main__":
    main()
