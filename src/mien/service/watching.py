"""Finds scares and drops while sessions run, and tells webhooks and followers of them.

Whoever has stored snapshots says so (:meth:`Watcher.noticed`); a task of its own then reads what is new from the store
and feeds it to the metrics, so that ingest never waits for them. Nothing but the store is believed: it does not matter
which process took a snapshot, and after a restart a session is simply read again from its start. What was told is told
once, over all processes, because each occurrence has a name (``Deliveries.publish(once=…)``).
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID
from weakref import WeakValueDictionary

import numpy as np

from mien.analysis.series import Series
from mien.analysis.turns import SERIES, TurnKind, TurnOptions, drops
from mien.core.audience import WHOLE_AUDIENCE, AudienceSnapshot, AudienceStep
from mien.core.engagement import BOUNDS, scores
from mien.core.findings import MetricSample, Moment, SampleLog
from mien.core.settings import AudienceSettings
from mien.metrics import scares
from mien.service.live.events import MOMENT, PREFIX, announce, channel
from mien.service.live.session_settings import audience_of
from mien.service.webhooks.events import Event
from mien.store.database import Store
from mien.store.errors import ConflictError, NotFoundError
from mien.store.records import SessionRecord, SessionState
from mien.streams.bus import Live
from mien.streams.errors import BusUnavailableError

_LOG: Final = logging.getLogger(__name__)
_UNITS: Final[Mapping[TurnKind, str]] = {TurnKind.ENGAGEMENT_DROP: "1_to_5", TurnKind.ATTENTION_DROP: "points"}

_SEEK_SECONDS: Final = 2.0
"""Media time from one look for drops to the next."""


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How sessions are watched.

    Attributes:
        pause_seconds: from one look at what is new to the next.
        most_sessions: kept in mind; one that was left out is read again from its start when something new comes.
        read_at_once: snapshots.
        news_seconds: what lies further behind a session's latest step, in media time, is told to nobody: a webhook
            that is made in the middle of a film hears nothing of its beginning.
        interest_seconds: how long it is taken for granted that no webhook of an organisation asks for these events.
        finish_seconds: whoever ends a session waits so long for what is still to be told of it.
        drops: what a drop is.
    """

    pause_seconds: float = 0.5
    most_sessions: int = 2000
    read_at_once: int = 500
    news_seconds: float = 600.0
    interest_seconds: float = 5.0
    finish_seconds: float = 5.0
    drops: TurnOptions = field(default_factory=TurnOptions)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something to tell.

    Attributes:
        once: its name within the session.
        at_seconds: media time at which it began.
        data: of the message.
    """

    event: Event
    once: str
    at_seconds: float
    data: Mapping[str, Any]


class SessionWatch:
    """One lane of one session: a source's snapshots of the whole audience, fed in order.

    Args:
        audience: the session's settings.
        source: which camera or file.
        options: what is told.
    """

    def __init__(self, audience: AudienceSettings, source: str, options: WatchOptions | None = None) -> None:
        options = options or WatchOptions()
        # Replicates never leave the process that saw the people, so there are no intervals here.
        settings = audience.model_copy(update={"replicates": 0})
        self._scares = scares.create(settings)
        # What is left out of a session shifts the scale that falls are measured on.
        self._scale = None if audience.left_out else scores(audience.environment) / 100.0
        self._source, self._options = source, options
        self._told = 0
        self._dropped = dict.fromkeys(SERIES, float("-inf"))
        self._sought = float("-inf")
        self._recent: deque[tuple[AudienceSnapshot, dict[TurnKind, float | None]]] = deque()
        self.latest: float | None = None
        """Media time of the last snapshot that was fed."""

    def feed(self, snapshots: Sequence[AudienceSnapshot]) -> list[Occurrence]:
        """Take snapshots in order of media time; one that lies behind the latest is left out.

        Returns:
            What is new and certain: scares that have faded, drops after which it went on long enough.
        """
        found: list[Occurrence] = []
        for snapshot in snapshots:
            if self.latest is not None and snapshot.media_time <= self.latest:
                continue
            self.latest = snapshot.media_time
            self._scares.update(AudienceStep(snapshot, None))
            self._remember(snapshot)
            # At the same steps however they come in, and well before one leaves what is remembered.
            if snapshot.media_time >= self._sought + _SEEK_SECONDS:
                self._sought = snapshot.media_time
                found += self._drops()
        found += self._of(self._scares.over())
        return self._news(found)

    def finish(self) -> list[Occurrence]:
        """The session is over, and with it a scare that went on."""
        return self._news(self._of(self._scares.compute().moments))

    def _of(self, moments: Sequence[Moment]) -> list[Occurrence]:
        fresh, self._told = moments[self._told :], len(moments)
        demo = bool(self._recent and self._recent[-1][0].demo)
        return [
            Occurrence(
                Event.SCARE_DETECTED,
                f"scare {self._source} {moment.start:.3f}",
                moment.start,
                {
                    "source": self._source,
                    "at_seconds": moment.start,
                    "peak_seconds": moment.peak,
                    "end_seconds": moment.end,
                    "intensity": round(moment.value, 2),
                    "rise": round(moment.rise, 2),
                    "coverage": round(moment.coverage, 3),
                    "readable": moment.readable,
                    "demo": demo,
                },
            )
            for moment in fresh
        ]

    def _remember(self, snapshot: AudienceSnapshot) -> None:
        how = self._options.drops
        self._recent.append((snapshot, {kind: self._level(kind, snapshot) for kind in SERIES}))
        reach = how.before_seconds + how.after_seconds + 3 * how.apart_seconds
        while self._recent[0][0].media_time < snapshot.media_time - reach:
            self._recent.popleft()

    def _drops(self) -> list[Occurrence]:
        found: list[Occurrence] = []
        for kind in SERIES:
            levels = [levels[kind] for _, levels in self._recent]
            known = [level for level in levels if level is not None]
            # Most of a film: nothing moved far enough, and nothing need be reckoned.
            if known and max(known) - min(known) >= self._options.drops.least_fall[kind]:
                found += self._drops_of(kind, levels)
        return found

    def _drops_of(self, kind: TurnKind, levels: Sequence[float | None]) -> list[Occurrence]:
        how, latest = self._options.drops, self._recent[-1][0]
        series, log = Series.of(snapshot for snapshot, _ in self._recent), SampleLog(SERIES[kind], _UNITS[kind])
        for (snapshot, _), level in zip(self._recent, levels, strict=True):
            log.append(MetricSample(log.slug, snapshot.media_time, level))
        found: list[Occurrence] = []
        for at, before, after in drops(series, log, how.least_fall[kind], how):
            # A deeper one near it may still come.
            settled = at + how.after_seconds + how.apart_seconds <= latest.media_time
            if not settled or at < self._dropped[kind] + how.apart_seconds:
                continue
            self._dropped[kind] = at
            data = {
                "source": self._source,
                "kind": kind.value,
                "unit": _UNITS[kind],
                "at_seconds": at,
                "before": round(before, 3),
                "after": round(after, 3),
                "demo": latest.demo,
            }
            found.append(Occurrence(Event.DROP_DETECTED, f"{kind.value} {self._source} {at:.3f}", at, data))
        return found

    def _level(self, kind: TurnKind, snapshot: AudienceSnapshot) -> float | None:
        """What the metrics of reports say of one step; they also keep means that nobody asks for here."""
        if kind is TurnKind.ATTENTION_DROP:
            seen = not snapshot.suppressed and snapshot.frames and snapshot.facing_share is not None
            return 100.0 * snapshot.facing_share if seen and snapshot.facing_share is not None else None
        if snapshot.emotions is None or self._scale is None:
            return None
        low, high = BOUNDS
        return min(max(float(np.dot(snapshot.emotions.values(), self._scale)), low), high)

    def _news(self, found: Sequence[Occurrence]) -> list[Occurrence]:
        since = (self.latest or 0.0) - self._options.news_seconds
        return [occurrence for occurrence in found if occurrence.at_seconds >= since]


class Watcher:
    """Watches every session of which it is told that something was stored.

    Args:
        store: where snapshots lie.
        options: how.
        live: where followers are told; None tells webhooks alone.
    """

    def __init__(self, store: Store, options: WatchOptions | None = None, *, live: Live | None = None) -> None:
        self._store, self._live = store, live
        self._options = options or WatchOptions()
        self._new: dict[UUID, UUID] = {}
        self._wake = asyncio.Event()
        self._watches: OrderedDict[UUID, dict[str, SessionWatch]] = OrderedDict()
        self._over: OrderedDict[UUID, None] = OrderedDict()
        self._answered: dict[UUID, tuple[bool, float]] = {}
        # One looks at a session at a time: a watch is fed in order.
        self._looking: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    def noticed(self, organisation_id: UUID, sessions: Iterable[UUID]) -> None:
        """Snapshots of these sessions were stored, or they were ended. Costs next to nothing and never waits."""
        for session_id in sessions:
            self._new[session_id] = organisation_id
        self._wake.set()

    def forget(self, sessions: Iterable[UUID]) -> None:
        """Nothing more is reckoned of these sessions, and nothing that goes on in them is told."""
        for session_id in sessions:
            self._new.pop(session_id, None)
            self._watches.pop(session_id, None)

    async def finish(self, organisation_id: UUID, session_id: UUID) -> None:
        """Tell what there is to tell of a session that has ended, before its followers go.

        Where that takes too long it is left to whoever watches; webhooks hear of it all the same.
        """
        self._new.pop(session_id, None)
        try:
            async with asyncio.timeout(self._options.finish_seconds):
                if await self._asked_for_safely({session_id: organisation_id}):
                    await self._look_safely(organisation_id, session_id)
        except TimeoutError:
            self._watches.pop(session_id, None)
            self.noticed(organisation_id, [session_id])

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until told to stop. What was not looked at by then is found when the session is next noticed."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                woken = asyncio.create_task(self._wake.wait())
                await asyncio.wait({stopped, woken}, return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                self._wake.clear()
                due, self._new = self._new, {}
                for session_id in await self._asked_for_safely(due):
                    if stop.is_set():
                        return
                    await self._look_safely(due[session_id], session_id)
                await asyncio.wait({stopped}, timeout=self._options.pause_seconds)
        finally:
            stopped.cancel()

    async def look(self, organisation_id: UUID, session_id: UUID) -> int:
        """Read what is new of one session, where anybody asks for it, and tell what is in it.

        Returns:
            How many messages to webhooks that makes.

        Raises:
            NotFoundError: there is no such session.
        """
        if not await self._asked_for({session_id: organisation_id}):
            return 0
        return await self._look(organisation_id, session_id)

    async def _asked_for_safely(self, due: Mapping[UUID, UUID]) -> list[UUID]:
        try:
            return await self._asked_for(due)
        except Exception:
            # The database may be away; these sessions are looked at when something new is stored of them.
            _LOG.exception("who asks for scares and drops cannot be told")
            return []

    async def _asked_for(self, due: Mapping[UUID, UUID]) -> list[UUID]:
        """Those sessions that a webhook of their organisation or a follower asks for; the others are forgotten."""
        asking = {organisation for organisation in set(due.values()) if await self._wanted(organisation)}
        channels: dict[str, UUID] = {}
        if self._live is not None and len(asking) < len(set(due.values())) and await self._live.anybody(PREFIX):
            channels = {channel(owner, session): session for session, owner in due.items() if owner not in asking}
        followed = await self._live.followed(list(channels)) if self._live is not None and channels else ()
        asked = {session for session, owner in due.items() if owner in asking} | {channels[one] for one in followed}
        for session_id in (self._watches.keys() & due.keys()) - asked:
            self._watches.pop(session_id, None)
        return [session_id for session_id in due if session_id in asked]

    async def _look_safely(self, organisation_id: UUID, session_id: UUID) -> None:
        try:
            await self._look(organisation_id, session_id)
        except (NotFoundError, ConflictError):
            # Deleted while it was looked at.
            self._watches.pop(session_id, None)
        except Exception:
            # The database may be away: read again from the start when there is something new.
            self._watches.pop(session_id, None)
            _LOG.exception("a session cannot be watched", extra={"figures": {"session_id": str(session_id)}})

    async def _look(self, organisation_id: UUID, session_id: UUID) -> int:
        async with self._looking.setdefault(session_id, asyncio.Lock()):
            return await self._look_alone(organisation_id, session_id)

    async def _look_alone(self, organisation_id: UUID, session_id: UUID) -> int:
        if session_id in self._over:  # whoever looked while it ended has told the rest
            return 0
        async with self._store.begin(organisation_id, read_only=True) as work:
            # The time of an ephemeral one is over once it has ended, and what is left to tell of it is told then.
            session = await work.sessions.stored(session_id)
            if await work.consents.withdrawn_under(session_id):
                self.forget([session_id])
                return 0
            lanes = await work.snapshots.lanes(session_id)
        watches = self._kept(session_id)
        found: list[Occurrence] = []
        for lane in lanes:
            if lane.zone == WHOLE_AUDIENCE:
                watch = watches.get(lane.source) or SessionWatch(audience_of(session), lane.source, self._options)
                watches[lane.source] = watch
                found += await self._catch_up(organisation_id, session_id, watch, lane.source)
                if session.state is SessionState.ENDED:
                    found += watch.finish()
        told = await self._tell(organisation_id, session, found)
        if session.state is SessionState.ENDED:
            self._watches.pop(session_id, None)
            self._over[session_id] = None
            while len(self._over) > self._options.most_sessions:
                self._over.popitem(last=False)
        return told

    def _kept(self, session_id: UUID) -> dict[str, SessionWatch]:
        watches = self._watches.setdefault(session_id, {})
        self._watches.move_to_end(session_id)
        while len(self._watches) > self._options.most_sessions:
            self._watches.popitem(last=False)
        return watches

    async def _catch_up(
        self, organisation_id: UUID, session_id: UUID, watch: SessionWatch, source: str
    ) -> list[Occurrence]:
        found: list[Occurrence] = []
        while True:
            async with self._store.begin(organisation_id, read_only=True) as work:
                some = await work.snapshots.read(
                    session_id, source=source, after_seconds=watch.latest, limit=self._options.read_at_once
                )
            if some:
                # Hours may have to be read again: the loop goes on meanwhile.
                found += await asyncio.to_thread(watch.feed, some)
            if len(some) < self._options.read_at_once:
                since = (watch.latest or 0.0) - self._options.news_seconds
                return [occurrence for occurrence in found if occurrence.at_seconds >= since]

    async def _tell(self, organisation_id: UUID, session: SessionRecord, found: Sequence[Occurrence]) -> int:
        if not found:
            return 0
        messages, session_id = 0, session.id
        async with self._store.begin(organisation_id) as work:
            # It may have been deleted, or its consent taken back, while hours of it were reckoned.
            await work.sessions.stored(session_id)
            if await work.consents.withdrawn_under(session_id):
                return 0
            for occurrence in found:
                data = {"session_id": str(session_id), **occurrence.data}
                once = f"{session_id} {occurrence.once}"
                made = await work.deliveries.publish(occurrence.event, data, session_id=session_id, once=once)
                messages += len(made)
        if self._live is not None:
            await self._tell_followers(self._live, organisation_id, session_id, found)
        return messages

    async def _tell_followers(
        self, live: Live, organisation_id: UUID, session_id: UUID, found: Sequence[Occurrence]
    ) -> None:
        # Processes that took snapshots of one session each tell: ``id`` lets a follower drop what comes again.
        try:
            for one in found:
                content = {"id": one.once, "event": one.event.value, **one.data}
                await announce(live, organisation_id, session_id, MOMENT, content, one.at_seconds)
        except BusUnavailableError as error:
            _LOG.warning("followers could not be told: %s", error)

    async def _wanted(self, organisation_id: UUID) -> bool:
        """Whether a webhook asks; a no is remembered for a while."""
        now = asyncio.get_running_loop().time()
        wanted, until = self._answered.get(organisation_id, (True, 0.0))
        if not wanted and until > now:
            return False
        async with self._store.begin(organisation_id, read_only=True) as work:
            wanted = await work.deliveries.wants(Event.SCARE_DETECTED) or await work.deliveries.wants(
                Event.DROP_DETECTED
            )
        self._answered[organisation_id] = wanted, now + self._options.interest_seconds
        return wanted
