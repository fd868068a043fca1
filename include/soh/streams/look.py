"""One look at a stream or a consumer group: what the verdict is judged from."""

from __future__ import annotations

from datetime import datetime

from soh.hdfs import Hdfs
from soh.kafka.positions import Positions
from soh.settings import Endpoints
from soh.specs import StreamSpec
from soh.streams import checkpoint
from soh.streams.verdict import Sample


def sample(stream: StreamSpec, hdfs: Hdfs, positions: Positions, now: datetime) -> Sample:
    """Look at a stream: its checkpoint against its topic.

    Raises ServerUnreachable when HDFS or Kafka does not answer, CheckpointUnreadable.
    """
    topic = stream.reads.name
    # In this order: a position read between the two can neither lie before a beginning that is older than it nor
    # after an end that is younger, unless something is wrong.
    beginnings = positions.beginnings(topic)
    found = checkpoint.read(hdfs, Endpoints.checkpoint(stream.name))
    return Sample(
        at=now,
        committed=None if found.committed is None else found.positions.get(topic, {}),
        ends=positions.ends(topic),
        beginnings=beginnings,
        planned=found.planned,
        planned_at=found.planned_at,
        committed_batch=found.committed,
        committed_at=found.committed_at,
    )


def sample_group(group: str, topic: str, positions: Positions, now: datetime) -> Sample:
    """Look at a consumer group on one topic: its committed offsets. Raises ServerUnreachable."""
    beginnings = positions.beginnings(topic)
    committed = positions.committed(group, topic)
    return Sample(at=now, committed=committed or None, ends=positions.ends(topic), beginnings=beginnings)
