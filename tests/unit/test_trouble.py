import logging
from datetime import timedelta

from soh import trouble as module
from soh.trouble import Trouble


def test_a_trouble_that_lasts_is_told_once_and_again_later(caplog, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    tell = Trouble(logging.getLogger("test"))
    for second in range(65):
        now[0] = 100.0 + second
        tell("%d records wait", second)
    assert timedelta(seconds=30) == module.REPEAT_AFTER
    assert [record.getMessage() for record in caplog.records] == [
        "0 records wait",
        "30 records wait",
        "60 records wait",
    ]


def test_another_trouble_is_told_at_once(caplog):
    tell = Trouble(logging.getLogger("test"))
    tell("the broker is away")
    tell("the disk is full")
    assert len(caplog.records) == 2
