import pytest

from soh.fleet.resume import resume
from soh.fleet.wire import Encoder, Message
from soh.specs import topics
from soh.specs.schemas import HYDRAULIC_READING


def record(seq: int, facility: int = 1000) -> dict:
    fields = {field.name: 1.0 for field in HYDRAULIC_READING.measurements}
    return fields | {"facility_id": facility, "event_time": 1e9 + seq, "cycle": 0, "seq": seq}


def message(seq: int, facility: int = 1000) -> Message:
    return Encoder(topics.HYDRAULIC).message(record(seq, facility), seq)


@pytest.mark.parametrize(
    ("in_kafka", "handed_over", "outbox", "delivered", "resent", "next_seq"),
    [
        pytest.param(None, None, [], [], [], 0, id="the-first-start"),
        pytest.param(41, None, [], [], [], 42, id="state-folder-lost"),
        pytest.param(41, 41, [], [], [], 42, id="stopped-properly"),
        pytest.param(41, 43, [42, 43], [], [42, 43], 44, id="killed-with-readings-under-way"),
        pytest.param(42, 43, [41, 42, 43], [41, 42], [43], 44, id="killed-before-it-was-told"),
        pytest.param(43, 43, [43], [43], [], 44, id="all-of-it-had-arrived"),
        pytest.param(None, 41, [], [], [], 42, id="off-for-longer-than-the-retention"),
        pytest.param(None, 43, [42, 43], [], [42, 43], 44, id="topic-made-anew"),
        pytest.param(50, 43, [43], [43], [], 51, id="another-state-folder-was-used-meanwhile"),
    ],
)
def test_resume(in_kafka, handed_over, outbox, delivered, resent, next_seq):
    found = resume(
        topics.HYDRAULIC,
        [1000],
        in_kafka={} if in_kafka is None else {1000: record(in_kafka)},
        handed_over={} if handed_over is None else {1000: handed_over},
        unacknowledged=[message(seq) for seq in outbox],
    )
    assert [one.seq for one in found.delivered] == delivered
    assert [one.seq for one in found.resend] == resent
    assert found.next_seq == {1000: next_seq}
    newest = max([seq for seq in (in_kafka, *resent) if seq is not None], default=None)
    assert found.last == ({} if newest is None else {1000: record(newest)})


def test_facilities_do_not_mix():
    found = resume(
        topics.HYDRAULIC,
        [1000, 1001, 1002],
        in_kafka={1000: record(5), 1001: record(9, 1001)},
        handed_over={1000: 6, 1001: 9},
        unacknowledged=[message(6), message(9, 1001)],
    )
    assert found.next_seq == {1000: 7, 1001: 10, 1002: 0}
    assert [(one.facility, one.seq) for one in found.resend] == [(1000, 6)]
    assert [(one.facility, one.seq) for one in found.delivered] == [(1001, 9)]
