"""The runner: reads a fleet on schedule and sees to it that every reading reaches Kafka once, under one seq."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import signal
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import chain
from pathlib import Path

import numpy as np

from soh.errors import ServerUnreachable, TransientError
from soh.fleet.ledger import Ledger
from soh.fleet.noise import Ints
from soh.fleet.outbox import Outbox
from soh.fleet.past import Past
from soh.fleet.resume import Resumption, resume
from soh.fleet.schedule import Schedule
from soh.fleet.sender import Sender, producer_settings
from soh.fleet.source import Source, rounds
from soh.fleet.tail import Broker
from soh.fleet.wire import Encoder, Message
from soh.kafka import history
from soh.specs.fleets import HistoryState
from soh.specs.topics import TopicSpec
from soh.trouble import Trouble

log = logging.getLogger(__name__)

PROGRESS_EVERY = timedelta(seconds=30)
LEDGER_EVERY = timedelta(seconds=5)
RETRY_AFTER = timedelta(seconds=2)
FLUSH_WITHIN = timedelta(seconds=6)
MOST_UNDER_WAY = 10_000
"""Records that wait for Kafka's word while the past is sent; more would only take memory."""
SETTLE = timedelta(seconds=2)
"""How long the last requests of a killed predecessor may take from its socket into the broker's log."""


class Runner:
    """Runs one fleet until it is told to stop.

    A reading gets its seq, is written to the outbox, and only then given to Kafka's client. Whatever
    ends the client (a refused record, a topic deleted under it) is answered like a kill of the
    process: look at what Kafka has, send what it lacks, go on.
    """

    def __init__(
        self, source: Source, *, bootstrap: str, state_dir: Path, period: float, past: timedelta = timedelta(0)
    ) -> None:
        """`period` in seconds; `past`: how long before its very first start the fleet began.

        BadInput when the state folder cannot be used or belongs to another process.
        """
        self._source = source
        self._bootstrap = bootstrap
        self._client = f"soh_fleet_{source.spec.name}"
        self._schedule = Schedule(facilities=len(source.facilities), period=period)
        self._outbox = Outbox(state_dir, source.spec.name)
        self._ledger = Ledger(
            state_dir / f"{source.spec.name}.json",
            fleet=source.spec.name,
            readings=source.spec.readings.name,
            inspections=source.spec.inspections.name,
        )
        self._encode_readings = Encoder(source.spec.readings)
        self._encode_inspections = Encoder(source.spec.inspections)
        self._next_reading = np.zeros(len(source.facilities), dtype=np.int64)
        self._next_inspection: dict[int, int] = {}
        self._length_of_past = past
        self._past: Past | None = None
        self._resumed = False
        self._stop = asyncio.Event()
        self._trouble = Trouble(log)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then flush; TransientErrors are waited out."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        self._save_ledger()
        try:
            while not self._stop.is_set():
                try:
                    resend = await self._find_place()
                    await self._serve(resend)
                except TransientError as error:
                    self._trouble("%s; trying again", error)
                    await self._pause(RETRY_AFTER)
        finally:
            self._save_ledger()
            self._outbox.close()
        log.info("stopped: %s; what waits is sent at the next start", self._figures())

    async def _find_place(self) -> list[Message]:
        """Wait for brokers and topics, learn where each facility goes on; returns what Kafka still lacks."""
        spec = self._source.spec
        broker = Broker(self._bootstrap, self._client)
        try:
            await self._wait_for_topics(broker)
            if self._outbox.unacknowledged:
                await self._pause(SETTLE)
            if self._stop.is_set():
                return []
            readings = await self._resumption(broker, spec.readings)
            inspections = await self._resumption(broker, spec.inspections)
        finally:
            await asyncio.to_thread(broker.close)
        self._next_reading = np.array([readings.next_seq[facility] for facility in self._source.facilities])
        self._next_inspection = dict(inspections.next_seq)
        if not self._resumed:
            self._past = self._begin_past(readings)
            self._source.resume(
                now=self._past.at if self._past else time.time(),
                readings=readings.last,
                inspections=inspections.last,
                same_settings=self._outbox.settings == self._source.settings,
            )
            self._outbox.rewrite(self._source.settings)
            self._resumed = True
        resend = [*readings.resend, *inspections.resend]
        log.info(
            "%d facilities of %s go on at seq %d to %d; %d records of before are sent again",
            len(self._next_reading),
            spec.name,
            self._next_reading.min(),
            self._next_reading.max(),
            len(resend),
        )
        return resend

    def _begin_past(self, readings: Resumption) -> Past | None:
        """The past that is still to be sent: all of it at the very first start, the rest after a kill on the way."""
        if self._length_of_past and not self._next_reading.any() and self._outbox.past_from is None:
            self._outbox.past_from = time.time() - self._length_of_past.total_seconds()
        if self._outbox.past_from is None:
            return None
        last = [readings.last.get(facility, {}).get("event_time", math.nan) for facility in self._source.facilities]
        return Past(self._schedule, begin=self._outbox.past_from, last_read=np.array(last, dtype=np.float64))

    async def _wait_for_topics(self, broker: Broker) -> None:
        wanted = {self._source.spec.readings.name, self._source.spec.inspections.name}
        while not self._stop.is_set():
            try:
                missing = wanted - (await asyncio.to_thread(broker.partitions)).keys()
                if not missing:
                    return
                self._trouble("Kafka at %s has no topic %s; waiting for it", self._bootstrap, sorted(missing))
            except ServerUnreachable as error:
                self._trouble("%s; waiting", error)
            await self._pause(RETRY_AFTER)

    async def _resumption(self, broker: Broker, topic: TopicSpec) -> Resumption:
        unacknowledged = [message for message in self._outbox.unacknowledged.values() if message.topic == topic.name]
        facilities = {*self._source.facilities, *(message.facility for message in unacknowledged)}
        found = resume(
            topic,
            facilities,
            in_kafka=await asyncio.to_thread(broker.last_records, topic, facilities),
            handed_over={facility: seq for (name, facility), seq in self._outbox.last.items() if name == topic.name},
            unacknowledged=unacknowledged,
        )
        for message in found.delivered:
            self._outbox.acknowledge(message)
        return found

    async def _serve(self, resend: Sequence[Message]) -> None:
        """Read and send on schedule until told to stop; ServerUnreachable when Kafka refused a record."""
        if self._stop.is_set():
            return
        settings = producer_settings(self._bootstrap, self._client, self._schedule.rate)
        sender = Sender(settings, self._outbox, self._ledger, self._trouble)
        try:
            await self._send(sender, resend)
            slot = await self._send_past(sender)
            await self._read_on_schedule(sender, slot)
        finally:
            await sender.finish(FLUSH_WITHIN)

    async def _send_past(self, sender: Sender) -> int:
        """Read and send at full speed what is left of the past; the last slot that is done."""
        if self._past:
            await self._note_history(HistoryState.SENDING)
        told = time.monotonic()
        while self._past and not self._past.is_over(now := time.time()) and not self._stop.is_set():
            which, slots = self._past.take(now)
            moments = [*self._schedule.times(slots[:: len(self._source.facilities)]).tolist(), self._past.at]
            await self._send(sender, await self._hand_over(self._read(which, slots, moments)))
            await self._wait_for_room(sender)
            if time.monotonic() - told >= LEDGER_EVERY.total_seconds():
                told = time.monotonic()
                self._ledger.history = self._past.progress(now)
                self._save_ledger()
                log.info("the past: %s; %s", self._ledger.history, self._figures())
        if not self._past:
            return self._schedule.latest(time.time())
        done = self._past.next - 1
        await self._wait_for_room(sender, most=0)
        if not self._stop.is_set():
            await self._note_history(HistoryState.SENT)
            self._outbox.end_past()
            self._past = self._ledger.history = None
            self._save_ledger()
            log.info("the past is sent, now the present: %s", self._figures())
        return done

    async def _note_history(self, state: HistoryState) -> None:
        await asyncio.to_thread(history.note, self._bootstrap, self._source.spec, state)

    async def _wait_for_room(self, sender: Sender, most: int = MOST_UNDER_WAY) -> None:
        """Let Kafka catch up when more than `most` records are under way."""
        sender.poll()
        while len(self._outbox.unacknowledged) > most and not self._stop.is_set():
            await self._pause(timedelta(milliseconds=2))
            sender.poll()

    async def _read_on_schedule(self, sender: Sender, slot: int) -> None:
        """Read every facility when its slot comes, those after `slot`."""
        saved = told = time.monotonic()
        counted = self._ledger.acknowledged
        while not self._stop.is_set():
            now = time.time()
            if self._schedule.latest(now) < slot - self._schedule.slots:
                log.warning(
                    "the clock went back by %.0f s; going on by its new time", self._schedule.begins(slot) - now
                )
                slot = self._schedule.latest(now)
            slots = self._schedule.due(slot, now)
            slot = max(slot, slots.stop - 1)
            await self._send(sender, await self._hand_over(self._read(*self._schedule.reads(slots), [now])))
            sender.poll()
            elapsed = time.monotonic()
            if elapsed - saved >= LEDGER_EVERY.total_seconds():
                saved = elapsed
                self._save_ledger()
            if elapsed - told >= PROGRESS_EVERY.total_seconds():
                log.info("%s, %.1f/s", self._figures(), (self._ledger.acknowledged - counted) / (elapsed - told))
                told, counted = elapsed, self._ledger.acknowledged
            wait = self._schedule.begins(slot + 1) - time.time()
            await self._pause(timedelta(seconds=min(max(wait, 0.0), 1.0)))

    def _read(self, which: Ints, slots: Ints, moments: Iterable[float]) -> list[Message]:
        """Messages of facilities `which` in `slots`, both (n,), and of the inspections known by each moment."""
        seqs = np.empty(len(which), dtype=np.int64)
        for rows in rounds(which):
            seqs[rows] = self._next_reading[which[rows]]
            self._next_reading[which[rows]] += 1
        messages: list[Message] = []
        if len(which):
            columns = self._source.readings(which, seqs, self._schedule.times(slots))
            messages = self._encode_readings.messages(columns, seqs.tolist())
        for record in chain.from_iterable(map(self._source.inspections, moments)):
            facility = int(record["facility_id"])
            messages.append(self._encode_inspections.message(record, self._next_inspection[facility]))
            self._next_inspection[facility] += 1
        return messages

    async def _hand_over(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Write messages down and return them; a full disk is waited out, and nothing is read meanwhile."""
        while messages:
            try:
                self._outbox.hand_over(messages)
            except ServerUnreachable as error:
                self._trouble("%s; nothing is read until then", error)
                await self._pause(RETRY_AFTER)
                if self._stop.is_set():
                    # They were shown to nobody, so a successor may use their seq.
                    return []
            else:
                break
        return messages

    async def _send(self, sender: Sender, messages: Iterable[Message]) -> None:
        """Give messages to Kafka's client, at the pace at which it has room."""
        for message in messages:
            while not sender.send(message):
                sender.poll()
                await self._pause(timedelta(milliseconds=100))
                if self._stop.is_set():
                    return

    async def _pause(self, length: timedelta) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), length.total_seconds())

    def _figures(self) -> str:
        ledger, waiting = self._ledger, len(self._outbox.unacknowledged)
        return f"{ledger.sent} sent, {ledger.acknowledged} acknowledged, {waiting} waiting, {ledger.errors} errors"

    def _save_ledger(self) -> None:
        try:
            self._ledger.write()
        except OSError as error:
            self._trouble("the ledger cannot be written (%s); make room on the disk", error)
