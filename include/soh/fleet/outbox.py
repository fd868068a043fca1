"""The outbox: what was handed to Kafka and not acknowledged yet, kept where kill -9 cannot reach it.

A reading is written here before it is produced. After a restart the same bytes are sent again under
the same seq, so that none is lost and no seq ever stands for two different readings.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from soh.errors import BadInput, ServerUnreachable
from soh.fleet.wire import Message

_REWRITE_ABOVE = 32 * 1024 * 1024
"""Bytes that the file may have beyond twice of what it needed when it was last written anew.

Writing it anew costs a large fleet a tenth of a second, reading so much at a start is no more.
"""


class Outbox:
    """An append-only file of lines `M topic facility seq value`, `A topic facility seq`, `S settings` and `P seconds`.

    M: handed over, A: acknowledged, S: what the truth depends on, P: since when the past is being sent.
    Fields are separated by tabs, which JSON never holds unescaped. A line without its end was cut by a kill,
    so it was never produced.
    """

    def __init__(self, folder: Path, fleet: str) -> None:
        """Open the fleet's outbox; BadInput when another process has it or the folder cannot be used."""
        self._path = folder / f"{fleet}.outbox"
        self.last: dict[tuple[str, int], int] = {}
        """Last seq handed over, by topic and facility."""
        self.unacknowledged: dict[tuple[str, int, int], Message] = {}
        self.settings: str | None = None
        self.past_from: float | None = None
        """Epoch seconds at which a past begins that is not all handed over yet; None when there is none."""
        self._pending: list[bytes] = []
        self._file = -1
        self._size = self._needed = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Not the outbox itself: it is replaced while in use, and a lock stays with the old file.
            self._lock = os.open(folder / f"{fleet}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._load(self._path.read_bytes() if self._path.exists() else b"")
            self.rewrite()
        except BlockingIOError:
            os.close(self._lock)
            raise BadInput(
                f"another process already runs the fleet {fleet} with the state folder {folder}; "
                f"stop it first, or give this one a folder of its own"
            ) from None
        except OSError as error:
            raise BadInput(f"the state folder {folder} cannot be used: {error}") from None

    def close(self) -> None:
        """Write what is pending and let another process have the outbox."""
        # Without the last notes a successor asks Kafka, which knows.
        with contextlib.suppress(ServerUnreachable):
            self._append(b"")
        os.close(self._file)
        os.close(self._lock)

    def _load(self, content: bytes) -> None:
        for line in content.split(b"\n")[:-1]:
            try:
                self._take(line)
            except ValueError:
                raise BadInput(
                    f"{self._path} holds the line {line[:80]!r}, which no fleet wrote; move the file away, "
                    f"and the fleet goes on by what Kafka has"
                ) from None

    def _take(self, line: bytes) -> None:
        """Take in one line; ValueError when it is none of ours."""
        match line.split(b"\t"):
            case [b"M", topic, facility, seq, value]:
                self._remember(Message(topic=topic.decode(), facility=int(facility), seq=int(seq), value=value))
            case [b"A", topic, facility, seq]:
                self.unacknowledged.pop((topic.decode(), int(facility), int(seq)), None)
                self._advance(topic.decode(), int(facility), int(seq))
            case [b"S", settings]:
                self.settings = settings.decode()
            case [b"P", begin]:
                self.past_from = float(begin)
            case _:
                raise ValueError(line)

    def _remember(self, message: Message) -> None:
        self.unacknowledged[message.topic, message.facility, message.seq] = message
        self._advance(message.topic, message.facility, message.seq)

    def _advance(self, topic: str, facility: int, seq: int) -> None:
        self.last[topic, facility] = max(seq, self.last.get((topic, facility), -1))

    def hand_over(self, messages: Iterable[Message]) -> None:
        """Write messages down before they are produced; ServerUnreachable when the disk does not take them."""
        messages = list(messages)
        self._append(b"".join(map(_line, messages)))
        for message in messages:
            topic, facility, seq = message.topic, message.facility, message.seq
            self.unacknowledged[topic, facility, seq] = message
            self.last[topic, facility] = seq
        if self._size > 2 * self._needed + _REWRITE_ABOVE:
            # On a full disk the old file is still whole; the next append tells if there is no room at all.
            with contextlib.suppress(OSError):
                self.rewrite()

    def acknowledge(self, message: Message) -> None:
        """Forget a message that Kafka has; the note reaches the disk with the next messages."""
        topic, facility, seq = message.topic, message.facility, message.seq
        if self.unacknowledged.pop((topic, facility, seq), None):
            self._pending.append(b"A\t%s\t%d\t%d\n" % (topic.encode(), facility, seq))

    def _append(self, lines: bytes) -> None:
        block = b"".join(self._pending) + lines
        try:
            written = os.write(self._file, block) if block else 0
            if written < len(block):
                raise OSError(f"{written} of {len(block)} bytes fitted")
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise ServerUnreachable(
                f"the outbox {self._path} cannot be written ({error}); make room on the disk"
            ) from None
        self._size += len(block)
        self._pending.clear()

    def end_past(self) -> None:
        """Note that all of the past is handed over; ServerUnreachable when the disk does not take it."""
        begin, self.past_from = self.past_from, None
        try:
            self.rewrite()
        except OSError as error:
            self.past_from = begin
            raise ServerUnreachable(
                f"the outbox {self._path} cannot be written ({error}); make room on the disk"
            ) from None

    def rewrite(self, settings: str | None = None) -> None:
        """Replace the file by what is still needed; `settings` takes the place of those it held."""
        self.settings = settings or self.settings
        parts = [b"S\t%s\n" % self.settings.encode()] if self.settings else []
        parts += [b"P\t%r\n" % self.past_from] if self.past_from is not None else []
        parts += [b"A\t%s\t%d\t%d\n" % (topic.encode(), facility, seq) for (topic, facility), seq in self.last.items()]
        parts += [_line(message) for message in self.unacknowledged.values()]
        content = b"".join(parts)
        replacement = self._path.with_suffix(".outbox.new")
        replacement.write_bytes(content)
        replacement.replace(self._path)
        if self._file >= 0:
            os.close(self._file)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._size = self._needed = len(content)
        self._pending.clear()


def _line(message: Message) -> bytes:
    return b"M\t%s\t%d\t%d\t%s\n" % (message.topic.encode(), message.facility, message.seq, message.value)
