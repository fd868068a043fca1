from __future__ import annotations

from datetime import UTC, datetime

import pytest

from soh.hdfs import FileStatus
from soh.specs import STREAMS
from soh.streams import look
from soh.streams.verdict import Sample

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
PLANNED_AT = datetime(2025, 3, 1, 11, 59, 50, tzinfo=UTC)
STREAM = STREAMS["heat_to_lake"]
FOLDER = "/soh/checkpoints/heat_to_lake"


class Broker:
    """Stands for Kafka; every question is noted, because their order matters."""

    def __init__(self, asked: list[str], committed: dict[int, int] | None = None) -> None:
        self._asked = asked
        self._committed = committed or {}

    def ends(self, topic: str) -> dict[int, int]:
        self._asked.append(f"ends of {topic}")
        return {0: 50, 1: 60}

    def beginnings(self, topic: str) -> dict[int, int]:
        self._asked.append(f"beginnings of {topic}")
        return {0: 5, 1: 6}

    def committed(self, group: str, topic: str) -> dict[int, int]:
        self._asked.append(f"commits of {group} on {topic}")
        return self._committed


class Checkpoints:
    def __init__(self, asked: list[str], files: dict[str, str]) -> None:
        self._asked = asked
        self._files = files

    def listing(self, path: str) -> dict[str, FileStatus]:
        self._asked.append(f"listing of {path}")
        return {
            name.removeprefix(f"{path}/"): FileStatus(length=1, modified=PLANNED_AT, is_folder=False)
            for name in self._files
            if name.startswith(f"{path}/")
        }

    def read_text(self, path: str) -> str | None:
        return self._files.get(path)


def test_a_stream_is_its_checkpoint_against_its_topic():
    files = {
        f"{FOLDER}/offsets/4": 'v1\n{}\n{"heat":{"0":40,"1":45}}',
        f"{FOLDER}/offsets/5": 'v1\n{}\n{"heat":{"0":50,"1":60}}',
        f"{FOLDER}/commits/4": "v1\n{}",
    }
    assert look.sample(STREAM, Checkpoints([], files), Broker([]), NOW) == Sample(
        at=NOW,
        committed={0: 40, 1: 45},
        ends={0: 50, 1: 60},
        beginnings={0: 5, 1: 6},
        planned=5,
        planned_at=PLANNED_AT,
        committed_batch=4,
        committed_at=PLANNED_AT,
    )


def test_a_stream_without_a_commit_has_no_positions():
    found = look.sample(STREAM, Checkpoints([], {}), Broker([]), NOW)
    assert (found.committed, found.planned, found.committed_batch) == (None, None, None)


def test_a_consumer_group_is_its_commits_against_its_topic():
    assert look.sample_group("dashboards", "heat", Broker([], {0: 40}), NOW) == Sample(
        at=NOW, committed={0: 40}, ends={0: 50, 1: 60}, beginnings={0: 5, 1: 6}
    )


def test_a_consumer_group_without_a_commit_has_no_positions():
    assert look.sample_group("dashboards", "heat", Broker([]), NOW).committed is None


@pytest.mark.parametrize("kind", ["stream", "group"])
def test_beginnings_are_asked_before_positions_and_ends_after_them(kind):
    asked: list[str] = []
    if kind == "stream":
        look.sample(STREAM, Checkpoints(asked, {}), Broker(asked), NOW)
    else:
        look.sample_group("dashboards", "heat", Broker(asked), NOW)
    assert asked[0] == "beginnings of heat"
    assert asked[-1] == "ends of heat"
    assert len(asked) > 2
