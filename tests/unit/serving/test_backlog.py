"""What may be committed: only what is written, and never for a partition that another consumer reads."""

from __future__ import annotations

import pytest

from soh.serving.backlog import Backlog, Parcel
from soh.serving.records import Origin

A, B = ("heat_pf", 0), ("heat_pf", 1)


@pytest.fixture
def backlog():
    return Backlog()


def read(backlog, partition, *offsets, skipped=False):
    for offset in offsets:
        backlog.read(Parcel(last=Origin(*partition, offset), content=None if skipped else f"{partition[1]}@{offset}"))


def test_what_is_read_is_not_committed(backlog):
    read(backlog, A, 5, 6)
    assert backlog.to_commit() == {}
    assert backlog.contents == ["0@5", "0@6"]


def test_what_is_written_is_committed_up_to_the_next_offset(backlog):
    read(backlog, A, 5, 6)
    read(backlog, B, 9)
    backlog.written()
    assert backlog.to_commit() == {A: 7, B: 10}
    assert not backlog.contents


def test_a_record_that_is_skipped_moves_its_partition_on_like_any_other(backlog):
    read(backlog, A, 5)
    read(backlog, A, 6, skipped=True)
    backlog.written()
    assert backlog.to_commit() == {A: 7}


def test_a_parcel_of_many_records_moves_its_partition_past_the_last_of_them(backlog):
    backlog.read(Parcel(last=Origin(*A, 99), content="many", records=100))
    read(backlog, B, 5)
    assert backlog.records == 101
    backlog.written()
    assert (backlog.to_commit(), backlog.records) == ({A: 100, B: 6}, 0)


def test_what_is_read_during_a_commit_waits_for_the_next_one(backlog):
    read(backlog, A, 5)
    backlog.written()
    offsets = backlog.to_commit()
    read(backlog, A, 6)
    backlog.written()
    backlog.committed(offsets)
    assert backlog.to_commit() == {A: 7}
    backlog.committed(backlog.to_commit())
    assert backlog.to_commit() == {}


def test_a_commit_that_failed_is_still_to_be_done(backlog):
    read(backlog, A, 5)
    backlog.written()
    assert backlog.to_commit() == backlog.to_commit() == {A: 6}


def test_a_partition_that_is_given_away_is_committed_alone(backlog):
    read(backlog, A, 5)
    read(backlog, B, 9)
    backlog.written()
    assert backlog.to_commit([B, ("hydraulic_soh", 0)]) == {B: 10}


def test_a_partition_that_went_to_another_consumer_is_neither_written_nor_committed(backlog):
    read(backlog, A, 5)
    backlog.written()
    read(backlog, A, 6)
    read(backlog, B, 9)
    backlog.forget([A])
    assert backlog.contents == ["1@9"]
    backlog.written()
    assert backlog.to_commit() == {B: 10}
