"""Sends what is due, of every organisation, several messages at once.

A message is claimed before it is sent, so two dispatchers do not send it twice while both run well. One that dies
between sending and reporting leaves a claim that lapses, and the message is sent again: *at least once*, with the same
id each time. A receiver that fails is left alone for a while, and all that fail together get half of the places, so
that the dead hold up nobody.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final
from uuid import UUID

from mien.core.clock import Clock, SystemClock
from mien.core.errors import SettingsError
from mien.service.logs import say
from mien.service.webhooks import signing
from mien.service.webhooks.backoff import GONE, BackoffOptions, retry_at
from mien.service.webhooks.destinations import DestinationError
from mien.service.webhooks.events import document
from mien.service.webhooks.keyring import Seal
from mien.service.webhooks.sending import Answer, Sender, SendError
from mien.store.database import Store
from mien.store.errors import LeaseLostError
from mien.store.outbox import Outbox
from mien.store.records import Claim

_LOG: Final = logging.getLogger(__name__)
_GATHER_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 10.0

Change = Callable[[Outbox], Awaitable[object]]
"""Something to write down about a message."""


@dataclass(frozen=True, slots=True)
class DispatchOptions:
    """How messages are sent.

    Attributes:
        at_once: messages on their way at the same time.
        each: messages taken of one webhook at a time.
        poll_seconds: how long a new message waits at most until it is seen.
        lease_margin_seconds: a claim lasts so much longer than the longest sending.
        rest_seconds: a receiver that failed is left alone so long, doubled with each failure on end…
        longest_rest_seconds: …up to this.
        grace_seconds: when told to stop, messages on their way may take so long.
        backoff: of each message.
    """

    at_once: int = 32
    each: int = 4
    poll_seconds: float = 0.5
    lease_margin_seconds: float = 30.0
    rest_seconds: float = 2.0
    longest_rest_seconds: float = 60.0
    grace_seconds: float = 10.0
    backoff: BackoffOptions = field(default_factory=BackoffOptions)


@dataclass(slots=True)
class _Trouble:
    """A webhook whose last attempt failed."""

    failures: int
    until: float


class Dispatcher:
    """One of any number that send what is due.

    Args:
        store: where messages lie.
        seal: opens the secrets of webhooks.
        sender: sends.
        clock: tells what is due.
        random: of the waits; hand a seeded one in for waits that repeat.
        options: how.
    """

    def __init__(
        self,
        store: Store,
        seal: Seal,
        sender: Sender,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
        options: DispatchOptions | None = None,
    ) -> None:
        self._store, self._seal, self._sender = store, seal, sender
        self._clock = clock or SystemClock()
        self._random = random or Random()
        self._options = options or DispatchOptions()
        self._sending: dict[asyncio.Task[None], UUID] = {}
        self._troubled: dict[UUID, _Trouble] = {}
        self._changes: list[Change] = []
        self._writing: asyncio.Task[None] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Send until told to stop; then let what is on its way arrive, and hand the rest back."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                try:
                    pause = await self._begin()
                except Exception:
                    # The database may be away for a while: whatever it says, this goes on when it is back.
                    _LOG.exception("messages cannot be claimed")
                    pause = self._options.poll_seconds
                await asyncio.wait({stopped, *self._sending}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                # Others end about now too: what they leave room for is claimed together.
                await asyncio.wait({stopped}, timeout=_GATHER_SECONDS)
        finally:
            stopped.cancel()
            await self._finish()

    async def _finish(self) -> None:
        if self._sending:
            _, late = await asyncio.wait(set(self._sending), timeout=self._options.grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._writing is not None:
            await self._writing

    async def _begin(self) -> float:
        """Claim what there is room for and begin to send it.

        Returns:
            Seconds until there may be more.
        """
        options, loop = self._options, asyncio.get_running_loop()
        now = loop.time()
        of_webhook = Counter(self._sending.values())
        free = options.at_once - len(self._sending)
        if free < 1:
            return options.poll_seconds
        async with self._store.begin_system(read_only=True) as work:
            due = await work.outbox.next_due()
        wait = options.poll_seconds if due is None else (due - self._clock.now()).total_seconds()
        if wait > 0:
            return min(wait, options.poll_seconds)
        busy = {key for key, count in of_webhook.items() if count >= options.each}
        rested = [key for key, t in self._troubled.items() if t.until <= now and key not in of_webhook]
        trying = sum(count for key, count in of_webhook.items() if key in self._troubled)
        lease = self._sender.longest_seconds + options.lease_margin_seconds
        async with self._store.begin_system() as work:
            claims = await work.outbox.claim(
                lease_seconds=lease, limit=free, each=options.each, leave_out={*busy, *self._troubled}
            )
            room = min(free - len(claims), max(1, options.at_once // 2) - trying)
            if rested and room > 0:
                claims += await work.outbox.claim(lease_seconds=lease, limit=room, each=1, among=rested)
        for claim in claims:
            task = asyncio.create_task(self._attempt(claim))
            self._sending[task] = claim.webhook.id
            task.add_done_callback(self._done)
        return options.poll_seconds

    def _done(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a message's attempt ended in an error", exc_info=error)

    async def _attempt(self, claim: Claim) -> None:
        answer: Answer | None = None
        try:
            answer = await self._post(claim)
            problem = f"the receiver answered {answer.status}."
            if 300 <= answer.status < 400:
                problem = f"the receiver answered {answer.status}: redirects are not followed."
        except (DestinationError, SendError, SettingsError) as error:
            problem = str(error)
        except asyncio.CancelledError:
            await self._report(lambda outbox: outbox.release(claim))
            raise
        await self._report(self._settled(claim, answer, problem))

    async def _post(self, claim: Claim) -> Answer:
        delivery, now = claim.delivery, self._clock.now()
        keys = self._seal.open(claim.organisation_id, claim.webhook.secret).at(now)
        told = document(delivery.event, delivery.created_at, delivery.payload)
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        name, sent = message_id(delivery.id), int(now.timestamp())
        headers = [
            ("content-type", "application/json"),
            (signing.ID, name),
            (signing.TIMESTAMP, str(sent)),
            (signing.SIGNATURE, signing.sign(name, sent, body, keys)),
        ]
        return await self._sender.post(claim.webhook.url, headers, body)

    def _settled(self, claim: Claim, answer: Answer | None, problem: str) -> Change:
        """What became of an attempt, to be written down."""
        key, status = claim.webhook.id, None if answer is None else answer.status
        if status is not None and 200 <= status < 300:
            self._troubled.pop(key, None)
            return lambda outbox: outbox.delivered(claim, status)
        say(_LOG, logging.INFO, "a message did not arrive", webhook_id=key, status=status, problem=problem)
        if status == GONE:
            self._troubled.pop(key, None)
            gone = "the receiver is gone (410): the webhook was turned off."
            return lambda outbox: outbox.close(claim, gone, status=GONE)
        options = self._options
        failures = self._troubled[key].failures + 1 if key in self._troubled else 1
        rest = min(options.longest_rest_seconds, options.rest_seconds * 2.0 ** min(failures - 1, 30))
        self._troubled[key] = _Trouble(failures, asyncio.get_running_loop().time() + rest)
        again = retry_at(claim.delivery.attempts, answer, self._clock.now(), options.backoff, self._random)
        return lambda outbox: outbox.failed(claim, problem, status=status, retry_at=again)

    async def _report(self, change: Change) -> None:
        """Write down what became of a message, together with others that end about now."""
        self._changes.append(change)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await asyncio.shield(self._writing)

    async def _write(self) -> None:
        """Write until nothing waits. The database may be away for a while; at last claims lapse by themselves."""
        pause = _GATHER_SECONDS
        while self._changes:
            # A database writes twenty rows for little more than one.
            await asyncio.sleep(pause)
            changes, self._changes = self._changes, []
            try:
                async with self._store.begin_system() as work:
                    for change in changes:
                        try:
                            await change(work.outbox)
                        except LeaseLostError:
                            say(_LOG, logging.INFO, "a message was another's, replayed or removed meanwhile")
                pause = _GATHER_SECONDS
            except Exception:
                _LOG.exception("what became of messages cannot be written down")
                pause *= 2
                if pause > _LONGEST_PAUSE_SECONDS:
                    _LOG.error("messages will be sent again: nobody could be told that they were sent")
                    return
                self._changes = changes + self._changes


def message_id(delivery_id: UUID) -> str:
    """What the header ``webhook-id`` says of a message: the same at every attempt and every replay."""
    return f"msg_{delivery_id.hex}"
