import errno
import os

import pytest

from soh.errors import BadInput, ServerUnreachable
from soh.fleet import outbox as module
from soh.fleet.outbox import Outbox
from soh.fleet.wire import Message


def message(seq: int, facility: int = 100, topic: str = "heat") -> Message:
    return Message(topic=topic, facility=facility, seq=seq, value=b'{"seq":%d,"key":"\xec\x98\xa8"}' % seq)


def killed(outbox: Outbox) -> None:
    """What kill -9 leaves: closed descriptors, nothing written any more."""
    os.close(outbox._file)
    os.close(outbox._lock)


def test_what_was_handed_over_outlives_a_kill_with_its_very_bytes(tmp_path):
    before = Outbox(tmp_path, "heat")
    before.hand_over([message(0), message(0, facility=101), message(0, topic="heat_inspections")])
    before.hand_over([message(1)])
    killed(before)
    after = Outbox(tmp_path, "heat")
    assert list(after.unacknowledged.values()) == list(before.unacknowledged.values())
    assert len(after.unacknowledged) == 4
    assert after.last == {("heat", 100): 1, ("heat", 101): 0, ("heat_inspections", 100): 0}


def test_what_was_acknowledged_is_not_kept_but_its_seq_is(tmp_path):
    before = Outbox(tmp_path, "heat")
    before.hand_over([message(0), message(1)])
    before.acknowledge(message(0))
    before.acknowledge(message(1))
    before.hand_over([message(2)])
    killed(before)
    after = Outbox(tmp_path, "heat")
    assert [one.seq for one in after.unacknowledged.values()] == [2]
    after.acknowledge(message(2))
    after.close()
    Outbox(tmp_path, "heat").close()
    last = Outbox(tmp_path, "heat")
    assert (last.unacknowledged, last.last) == ({}, {("heat", 100): 2})


def test_a_line_cut_by_a_kill_was_never_produced_and_is_forgotten(tmp_path):
    before = Outbox(tmp_path, "heat")
    before.hand_over([message(0), message(1)])
    killed(before)
    path = tmp_path / "heat.outbox"
    path.write_bytes(path.read_bytes()[:-5])
    after = Outbox(tmp_path, "heat")
    assert [one.seq for one in after.unacknowledged.values()] == [0]
    after.hand_over([message(1)])
    killed(after)
    assert len(Outbox(tmp_path, "heat").unacknowledged) == 2


def test_the_file_does_not_grow_with_what_was_acknowledged(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_REWRITE_ABOVE", 2000)
    outbox = Outbox(tmp_path, "heat")
    for seq in range(1000):
        outbox.hand_over([message(seq)])
        if seq != 3:
            outbox.acknowledge(message(seq))
    assert (tmp_path / "heat.outbox").stat().st_size < 4000
    killed(outbox)
    after = Outbox(tmp_path, "heat")
    assert [one.seq for one in after.unacknowledged.values()][:1] == [3]
    assert after.last == {("heat", 100): 999}


def test_settings_are_remembered(tmp_path):
    before = Outbox(tmp_path, "heat")
    assert before.settings is None
    before.rewrite("seed=1")
    killed(before)
    assert Outbox(tmp_path, "heat").settings == "seed=1"


def test_two_processes_cannot_have_one_outbox(tmp_path):
    first = Outbox(tmp_path, "heat")
    with pytest.raises(BadInput, match="another process already runs the fleet heat with the state folder"):
        Outbox(tmp_path, "heat")
    Outbox(tmp_path, "hydraulic").close()
    first.close()
    Outbox(tmp_path, "heat").close()


def test_a_full_disk_is_told_and_leaves_no_half_line(tmp_path, monkeypatch):
    outbox = Outbox(tmp_path, "heat")
    outbox.hand_over([message(0)])
    write = os.write

    def half(file: int, block: bytes) -> int:
        write(file, block[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(ServerUnreachable, match=r"outbox .*heat\.outbox cannot be written .*make room on the disk"):
        outbox.hand_over([message(1)])
    monkeypatch.undo()
    assert len(outbox.unacknowledged) == 1
    outbox.hand_over([message(1)])
    killed(outbox)
    assert [one.seq for one in Outbox(tmp_path, "heat").unacknowledged.values()] == [0, 1]


@pytest.mark.parametrize("line", [b"hello", b"M\theat\tx\t1\t{}", b"M\theat\t1", b"A\theat\t1\tone"])
def test_a_file_that_no_fleet_wrote_is_refused(tmp_path, line):
    (tmp_path / "heat.outbox").write_bytes(line + b"\n")
    with pytest.raises(BadInput, match="which no fleet wrote; move the file away"):
        Outbox(tmp_path, "heat")


def test_a_state_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(BadInput, match=r"state folder .*state cannot be used"):
        Outbox(tmp_path / "state", "heat")
