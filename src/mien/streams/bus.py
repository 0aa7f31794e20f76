"""What processes of one service tell each other: durable streams, live events, presence.

``streams.opening.open_bus`` gives a :class:`Bus` in memory or on Redis; both keep the same promises
(``tests/streams/test_contract.py``). Payloads are bytes that hold nothing personal: snapshots and what is about them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

MOST_AT_ONCE: Final = 20_000
"""Messages or events that one call may hand in."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How durable streams behave.

    Attributes:
        most_waiting: messages a stream holds that are not acknowledged yet; publishing waits beyond it.
        min_idle_seconds: a consumer that neither acknowledged nor extended a message for so long counts as dead, and
            the message goes to another.
        most_deliveries: a message that was delivered so often without being acknowledged becomes a dead letter.
        most_dead: dead letters kept; the oldest go first.
        dead_days: kept so long.
    """

    most_waiting: int = 100_000
    min_idle_seconds: float = 10.0
    most_deliveries: int = 5
    most_dead: int = 10_000
    dead_days: float = 14.0


@dataclass(frozen=True, slots=True)
class Message:
    """A message as one consumer of a group got it.

    Attributes:
        id: of the message in its stream; later ones are greater.
        payload: what was published.
        deliveries: how often it was delivered, this time included: 1 unless a consumer fell silent over it.
    """

    id: str
    payload: bytes
    deliveries: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up.

    Attributes:
        id: of the letter.
        group: which group gave it up.
        payload: what was published.
        deliveries: how often it had been delivered.
        reason: why it was given up.
    """

    id: str
    group: str
    payload: bytes
    deliveries: int
    reason: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """How a stream stands.

    Attributes:
        waiting: messages not acknowledged by every group yet.
        dead: dead letters.
    """

    waiting: int
    dead: int


class Streams(Protocol):
    """Durable streams: every message reaches every group of a stream, and one consumer of the group, at least once.

    A consumer does its work, makes it durable, and acknowledges; who may do work twice does it so that twice is once.
    """

    async def publish(self, stream: str, payloads: Sequence[bytes], *, wait_seconds: float = 5.0) -> None:
        """Append messages in order, all or none. When this returns they are durable and will be delivered.

        Args:
            stream: its name.
            payloads: of the messages, at most :data:`MOST_AT_ONCE`.
            wait_seconds: how long to wait where the stream is full.

        Raises:
            StreamFullError: it stayed full; nothing was appended, and nothing unread was dropped for it.
            BusUnavailableError: no answer; the messages may or may not have been appended.
        """
        ...

    async def receive(
        self, stream: str, group: str, consumer: str, *, most: int = 100, wait_seconds: float = 1.0
    ) -> tuple[Message, ...]:
        """Messages for one consumer of a group, which holds them until it acknowledges or falls silent.

        What the dead held comes before what is new, and not in one batch with it; a message that was delivered twice
        or more comes alone, so that one that kills its consumer takes no other with it. A group begins with the
        first message the stream still holds.

        Args:
            stream: its name.
            group: consumers who share the work.
            consumer: a name that no other consumer of the group has.
            most: at most so many.
            wait_seconds: for the first; none came where the answer is empty.

        Raises:
            BusUnavailableError: no answer; what was delivered unheard is delivered again.
        """
        ...

    async def acknowledge(self, stream: str, group: str, messages: Sequence[Message]) -> None:
        """Messages whose work is done and durable: they do not come back."""
        ...

    async def extend(self, stream: str, group: str, consumer: str, messages: Sequence[Message]) -> None:
        """Go on holding messages: the work is not done, but the consumer is alive. Does not count as a delivery."""
        ...

    async def bury(self, stream: str, group: str, message: Message, reason: str) -> None:
        """Give up a message that can never be worked off (unreadable, not expected): it becomes a dead letter."""
        ...

    async def dead_letters(self, stream: str, *, limit: int = 100) -> tuple[DeadLetter, ...]:
        """What was given up, oldest first."""
        ...

    async def revive(self, stream: str, letters: Sequence[DeadLetter]) -> int:
        """Publish dead letters again, as new messages to every group; says how many there still were."""
        ...

    async def backlog(self, stream: str) -> Backlog:
        """How a stream stands."""
        ...


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How live events behave.

    Attributes:
        kept_events: a channel keeps so many for followers that come back.
        linger_seconds: a channel that nobody follows any more keeps its events, and takes new ones, for so long.
        queue_events: a follower that is so many behind has missed what came next.
    """

    kept_events: int = 2000
    linger_seconds: float = 60.0
    queue_events: int = 500


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event on its way to whoever follows a channel.

    Attributes:
        channel: whose followers get it.
        kind: such as ``snapshot`` or ``moment``.
        data: as it goes out to clients (JSON).
        at_seconds: media time it is about; None for none. Whoever misses it finds the store by this.
    """

    channel: str
    kind: str
    data: bytes
    at_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An event as a follower gets it.

    Attributes:
        id: hand it in as ``after`` to go on behind this event.
        kind, data, at_seconds: as announced.
    """

    id: str
    kind: str
    data: bytes
    at_seconds: float | None


@dataclass(frozen=True, slots=True)
class Missed:
    """Told in place of events that a follower did not get: it was too slow, or away for too long.

    Attributes:
        since_seconds: media time of the last event it is known to have had, to read the store from; None from the
            start.
    """

    since_seconds: float | None


class Live(Protocol):
    """Live events: told to whoever follows at the time, in one order for all of a channel's followers.

    Events are not durable: announce what is in the store already, so that who missed some finds them there. Announced
    after it was stored and followed before it was read, nothing is missed in between.
    """

    async def anybody(self, prefix: str) -> bool:
        """Whether a channel may be followed whose name begins so: False spares asking by name.

        Raises:
            BusUnavailableError: no answer.
        """
        ...

    async def followed(self, channels: Sequence[str]) -> frozenset[str]:
        """Those of some channels that somebody follows, or did a moment ago: spares making events that nobody gets.

        Raises:
            BusUnavailableError: no answer.
        """
        ...

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """Tell followers; costs next to nothing for channels that nobody follows.

        Raises:
            BusUnavailableError: no answer. Followers that were not told get :class:`Missed` as soon as the bus is back;
                where only the answer was lost, an event may come twice.
        """
        ...

    def follow(
        self, channel: str, *, after: str | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event | Missed]]:
        """Follow a channel from the moment the block is entered.

        Args:
            channel: which.
            after: id of the last event the follower had: what came since is told first, or :class:`Missed` where that
                is not known any more. None to begin with what comes.

        Raises:
            BusUnavailableError: no answer on entering. Interruptions later are bridged: what came meanwhile is told,
                or :class:`Missed`.
        """
        ...


@dataclass(frozen=True, slots=True)
class PresenceOptions:
    """How presence behaves.

    Attributes:
        lease_seconds: a process that has not been heard of for so long counts as gone with all that were present
            through it.
    """

    lease_seconds: float = 10.0


class Presence(Protocol):
    """Who is in a room, counted over all processes. A process that dies is taken out when its lease is over."""

    def present(self, room: str) -> AbstractAsyncContextManager[None]:
        """Be in a room while the block runs.

        Never fails: where the bus is cut off, others are told as soon as it is back.
        """
        ...

    async def count(self, room: str) -> int:
        """How many are in a room.

        Raises:
            BusUnavailableError: no answer.
        """
        ...

    def watch(self, room: str) -> AbstractAsyncContextManager[AsyncIterator[int]]:
        """The count after each change made since the block was entered; one's own arrival too where it comes later.

        A watcher that is slow gets the latest counts only.
        """
        ...


@dataclass(frozen=True, slots=True)
class BusHealth:
    """How the bus stands.

    Attributes:
        ready: whether it answers.
        kind: ``memory`` or ``redis``.
        durable: whether what is acknowledged outlives a crash of the bus.
        detail: what is wrong or worth knowing, without secrets; None for nothing.
    """

    ready: bool
    kind: str
    durable: bool
    detail: str | None = None


class Bus(Protocol):
    """Everything processes of one service tell each other."""

    @property
    def streams(self) -> Streams:
        """Durable streams."""
        ...

    @property
    def live(self) -> Live:
        """Live events."""
        ...

    @property
    def presence(self) -> Presence:
        """Who is where."""
        ...

    async def check(self) -> BusHealth:
        """Ask how it stands; answers within two seconds and never raises."""
        ...

    async def close(self) -> None:
        """Leave every room and let go of every connection. Followers' iterators end."""
        ...
