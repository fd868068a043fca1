import json
import os

from soh.fleet.ledger import Ledger
from soh.fleet.wire import Message


def ledger(path) -> Ledger:
    return Ledger(path / "heat.json", fleet="heat", readings="heat", inspections="heat_inspections")


def acknowledged(book: Ledger, topic: str, facility: int, *seqs: int) -> None:
    for seq in seqs:
        book.acknowledge(Message(topic=topic, facility=facility, seq=seq, value=b""))


def test_the_ledger_tells_first_last_and_count_of_what_this_process_got_acknowledged(tmp_path):
    book = ledger(tmp_path)
    book.sent, book.errors = 7, 1
    acknowledged(book, "heat", 101, 40, 41, 42)
    acknowledged(book, "heat", 100, 9)
    acknowledged(book, "heat_inspections", 100, 3, 5)
    book.write()
    written = json.loads((tmp_path / "heat.json").read_text())
    assert written["readings"] == {
        "100": {"first": 9, "last": 9, "count": 1},
        "101": {"first": 40, "last": 42, "count": 3},
    }
    assert written["inspections"] == {"100": {"first": 3, "last": 5, "count": 2}}
    assert (written["fleet"], written["pid"], written["sent"], written["acknowledged"], written["errors"]) == (
        "heat",
        os.getpid(),
        7,
        6,
        1,
    )


def test_a_reader_never_sees_half_a_ledger(tmp_path):
    book = ledger(tmp_path)
    book.write()
    with (tmp_path / "heat.json").open() as reader:
        acknowledged(book, "heat", 100, 0)
        book.write()
        assert json.load(reader)["acknowledged"] == 0
    assert json.loads((tmp_path / "heat.json").read_text())["acknowledged"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["heat.json"]
