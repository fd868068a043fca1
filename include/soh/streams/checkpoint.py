"""The checkpoint of a Structured Streaming query: what it has planned, what it has done, how far it has read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from soh.errors import CheckpointUnreadable
from soh.hdfs import FileStatus, Hdfs

_VERSION = "v1"
_NO_OFFSETS = "-"
_LOOKS = 3

Positions = dict[str, dict[int, int]]
"""Topic -> partition -> the offset that will be read next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a query's checkpoint folder said at one moment.

    `planned` beyond `committed` is a batch that runs or hangs. Before a first batch is done
    `committed` is None and `positions` is empty; of a missing folder nothing is known.
    """

    planned: int | None = None
    """Id of the last batch in `offsets/`."""
    planned_at: datetime | None = None
    committed: int | None = None
    """Id of the last batch in `commits/`."""
    committed_at: datetime | None = None
    positions: Positions = field(default_factory=dict)
    """After the last committed batch."""
    watermark: datetime | None = None
    """For the batch after the last committed one; None for a query without one."""


def read(hdfs: Hdfs, path: str) -> Checkpoint:
    """Read the checkpoint in folder `path`.

    Raises CheckpointUnreadable for a format this project does not know, or when a committed batch
    has no offsets; ServerUnreachable when HDFS does not answer.
    """
    for _ in range(_LOOKS):
        # In this order, because a batch is planned before it is committed.
        commits = _batches(hdfs.listing(f"{path}/commits"))
        offsets = _batches(hdfs.listing(f"{path}/offsets"))
        planned, planned_at = _last(offsets)
        committed, committed_at = _last(commits)
        if committed is None:
            return Checkpoint(planned=planned, planned_at=planned_at)
        offsets_text = hdfs.read_text(f"{path}/offsets/{committed}")
        commit_text = hdfs.read_text(f"{path}/commits/{committed}")
        # Spark deletes old batches, and people replace folders, between a listing and a read.
        if offsets_text is None or commit_text is None:
            continue
        try:
            return Checkpoint(
                planned=planned,
                planned_at=planned_at,
                committed=committed,
                committed_at=committed_at,
                positions=parse_offsets(offsets_text),
                watermark=parse_commits(commit_text),
            )
        except CheckpointUnreadable as error:
            raise CheckpointUnreadable(f"batch {committed} of checkpoint {path}: {error}") from None
    raise CheckpointUnreadable(
        f"checkpoint {path}: batch {committed} is in commits/ but not in offsets/; files of it are missing"
    )


def parse_offsets(text: str) -> Positions:
    """Positions in a file of `offsets/`: version, metadata, then one line of JSON per source.

    Of a topic that two sources read, the position of the slower one. Raises CheckpointUnreadable.
    """
    metadata, *sources = _lines(text)
    _json_object(metadata)
    positions: Positions = {}
    for line in sources:
        if line == _NO_OFFSETS:
            continue
        for topic, offsets in _kafka_offsets(line).items():
            known = positions.setdefault(topic, {})
            for partition, offset in offsets.items():
                known[partition] = min(offset, known.get(partition, offset))
    return positions


def parse_commits(text: str) -> datetime | None:
    """Next watermark in a file of `commits/`, None for a query without one. Raises CheckpointUnreadable."""
    metadata = _json_object(_lines(text)[0])
    watermark = metadata.get("nextBatchWatermarkMs", 0)
    if not isinstance(watermark, int):
        raise CheckpointUnreadable(f"nextBatchWatermarkMs is {watermark!r}, not a number of milliseconds")
    return datetime.fromtimestamp(watermark / 1000, tz=UTC) if watermark else None


def _batches(files: Mapping[str, FileStatus]) -> dict[int, FileStatus]:
    """The files that are batches; hidden, temporary and compacted ones have more than digits in their names."""
    return {int(name): status for name, status in files.items() if name.isdecimal() and not status.is_folder}


def _last(batches: Mapping[int, FileStatus]) -> tuple[int, datetime] | tuple[None, None]:
    if not batches:
        return None, None
    last = max(batches)
    return last, batches[last].modified


def _lines(text: str) -> list[str]:
    version, *lines = text.splitlines() or [""]
    if version != _VERSION:
        raise CheckpointUnreadable(f"its first line is {version[:40]!r}; only version {_VERSION!r} is known")
    if not lines:
        raise CheckpointUnreadable(f"nothing follows the version line {version!r}: the file is cut off")
    return lines


def _kafka_offsets(line: str) -> Positions:
    offsets = _json_object(line)
    try:
        return {
            topic: {int(partition): _offset(offset) for partition, offset in partitions.items()}
            for topic, partitions in offsets.items()
        }
    except (AttributeError, TypeError, ValueError):
        raise CheckpointUnreadable(
            f"the offsets {line[:80]!r} are not those of a Kafka source, which look like {{'topic': {{'0': 123}}}}"
        ) from None


def _offset(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(value)
    return value


def _json_object(line: str) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise CheckpointUnreadable(f"{line[:80]!r} is not a JSON object")
    return content
