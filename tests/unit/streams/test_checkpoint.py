from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from soh.errors import CheckpointUnreadable
from soh.hdfs import FileStatus
from soh.streams import checkpoint

PATH = "/soh/checkpoints/heat_to_lake"
MODIFIED = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
METADATA = '{"batchWatermarkMs":0,"batchTimestampMs":1740830400000,"conf":{"spark.sql.shuffle.partitions":"1"}}'


def offsets_file(*sources: str) -> str:
    return "\n".join(["v1", METADATA, *sources])


def commit_file(watermark: int = 0) -> str:
    return f'v1\n{{"nextBatchWatermarkMs":{watermark}}}'


class Folder:
    """Stands for HDFS: files by path, and things that happen between one look and the next."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files
        self.before_read = []

    def listing(self, path: str) -> dict[str, FileStatus]:
        names = {file.removeprefix(f"{path}/") for file in self.files if file.startswith(f"{path}/")}
        return {
            name: FileStatus(length=1, modified=MODIFIED, is_folder=False) for name in sorted(names) if "/" not in name
        }

    def read_text(self, path: str) -> str | None:
        if self.before_read:
            self.before_read.pop()(self.files)
        return self.files.get(path)


def checkpoint_of(planned: int, committed: int, *, first: int = 0) -> dict[str, str]:
    """Files of a checkpoint whose batch N has read up to offset 100 x N of partition 0."""
    return {
        **{f"{PATH}/offsets/{batch}": offsets_file(kafka(100 * batch)) for batch in range(first, planned + 1)},
        **{f"{PATH}/commits/{batch}": commit_file() for batch in range(first, committed + 1)},
    }


def kafka(offset: int, topic: str = "heat") -> str:
    return json.dumps({topic: {"0": offset, "1": 7}})


def test_a_missing_checkpoint_knows_nothing():
    assert checkpoint.read(Folder({}), PATH) == checkpoint.Checkpoint()


def test_before_a_first_commit_only_the_plan_is_known():
    found = checkpoint.read(Folder(checkpoint_of(planned=0, committed=-1)), PATH)
    assert found == checkpoint.Checkpoint(planned=0, planned_at=MODIFIED)


def test_positions_are_those_of_the_last_committed_batch_while_the_next_one_runs():
    found = checkpoint.read(Folder(checkpoint_of(planned=12, committed=11)), PATH)
    assert (found.planned, found.committed) == (12, 11)
    assert (found.planned_at, found.committed_at) == (MODIFIED, MODIFIED)
    assert found.positions == {"heat": {0: 1100, 1: 7}}


def test_the_last_batch_is_the_highest_number_not_the_last_name():
    found = checkpoint.read(Folder(checkpoint_of(planned=10, committed=10, first=8)), PATH)
    assert found.committed == 10


@pytest.mark.parametrize("name", [".99.crc", ".99.uuid.tmp", "99.tmp", "99.compact", "99.crc", "notes", "-1"])
def test_files_that_are_no_batches_are_ignored(name):
    files = checkpoint_of(planned=3, committed=3)
    for folder in ("offsets", "commits"):
        files[f"{PATH}/{folder}/{name}"] = "not a batch"
    found = checkpoint.read(Folder(files), PATH)
    assert (found.planned, found.committed) == (3, 3)


@pytest.mark.parametrize("folder", ["offsets", "commits"])
def test_a_file_that_vanishes_between_listing_and_reading_is_looked_for_again(folder):
    hdfs = Folder(checkpoint_of(planned=3, committed=3))

    def replaced(files: dict[str, str]) -> None:
        files.clear()
        files.update(checkpoint_of(planned=9, committed=8, first=7))

    hdfs.before_read.append(replaced)
    found = checkpoint.read(hdfs, PATH)
    assert (found.planned, found.committed) == (9, 8)


def test_a_committed_batch_without_offsets_is_unreadable_and_named():
    files = checkpoint_of(planned=3, committed=3)
    del files[f"{PATH}/offsets/3"]
    with pytest.raises(CheckpointUnreadable, match=rf"{PATH}.*batch 3.*offsets/"):
        checkpoint.read(Folder(files), PATH)


def test_an_unreadable_file_is_named():
    files = checkpoint_of(planned=3, committed=3) | {f"{PATH}/offsets/3": "v2\n{}"}
    with pytest.raises(CheckpointUnreadable, match=rf"batch 3 of checkpoint {PATH}.*'v2'"):
        checkpoint.read(Folder(files), PATH)


def test_the_watermark_is_that_of_the_next_batch():
    files = checkpoint_of(planned=0, committed=0) | {f"{PATH}/commits/0": commit_file(1740830400500)}
    assert checkpoint.read(Folder(files), PATH).watermark == datetime(2025, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)


OFFSETS = {
    "one-source": ([kafka(5)], {"heat": {0: 5, 1: 7}}),
    "two-topics-of-one-source": (['{"a":{"0":1},"b":{"0":2}}'], {"a": {0: 1}, "b": {0: 2}}),
    "source-without-offsets": (["-"], {}),
    "one-source-with-one-without": (["-", kafka(5)], {"heat": {0: 5, 1: 7}}),
    "two-sources-on-one-topic-the-second-is-slower": ([kafka(9), kafka(5)], {"heat": {0: 5, 1: 7}}),
    "two-sources-on-one-topic-the-first-is-slower": ([kafka(5), kafka(9)], {"heat": {0: 5, 1: 7}}),
    "no-source": ([], {}),
}


@pytest.mark.parametrize(("sources", "positions"), OFFSETS.values(), ids=OFFSETS.keys())
def test_parse_offsets(sources, positions):
    assert checkpoint.parse_offsets(offsets_file(*sources)) == positions


UNREADABLE = {
    "empty": ("", "first line is ''"),
    "later-version": (offsets_file(kafka(5)).replace("v1", "v2"), "first line is 'v2'"),
    "cut-off-after-the-version": ("v1", "cut off"),
    "metadata-cut-off": ("v1\n" + METADATA[:30], "not a JSON object"),
    "source-cut-off": (offsets_file('{"heat":{"0":12'), "not a JSON object"),
    "rate-source": (offsets_file("17"), "not a JSON object"),
    "file-source": (offsets_file('{"logOffset":3}'), "not those of a Kafka source"),
    "partition-without-a-number": (offsets_file('{"heat":{"zero":3}}'), "not those of a Kafka source"),
    "offset-as-text": (offsets_file('{"heat":{"0":"3"}}'), "not those of a Kafka source"),
    "symbolic-offset": (offsets_file('{"heat":{"0":-2}}'), "not those of a Kafka source"),
}


@pytest.mark.parametrize(("text", "complaint"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_offsets_of_an_unknown_shape_are_refused(text, complaint):
    with pytest.raises(CheckpointUnreadable, match=complaint):
        checkpoint.parse_offsets(text)


@pytest.mark.parametrize(
    ("text", "watermark"),
    [
        pytest.param("v1\n{}", None, id="no-watermark-in-the-file"),
        pytest.param(commit_file(0), None, id="query-without-a-watermark"),
        pytest.param(commit_file(1740830400000), datetime(2025, 3, 1, 12, 0, tzinfo=UTC), id="watermark"),
    ],
)
def test_parse_commits(text, watermark):
    assert checkpoint.parse_commits(text) == watermark


@pytest.mark.parametrize("text", ["", "v1", "v9\n{}", "v1\n[]", "v1\n{", 'v1\n{"nextBatchWatermarkMs":"noon"}'])
def test_commits_of_an_unknown_shape_are_refused(text):
    with pytest.raises(CheckpointUnreadable):
        checkpoint.parse_commits(text)
