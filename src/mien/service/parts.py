"""What the routes work with, handed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from mien.core.clock import Clock, SystemClock
from mien.report.signing import Signer
from mien.service.analysing import Analysing
from mien.service.bench import Bench
from mien.service.lifecycle import Lifecycle
from mien.service.live.frames import FrameReader
from mien.service.live.intake import Intake
from mien.service.live.timelines import Timelines
from mien.service.models import Models
from mien.service.pictures.admission import Admission, AdmissionOptions
from mien.service.pictures.processes import ReadersOptions
from mien.service.security.known import KnownCallers
from mien.service.security.limits import Limits
from mien.service.security.passwords import Passwords
from mien.service.security.standing import Standing
from mien.service.security.tokens import Tokens
from mien.service.settings import ServiceSettings
from mien.service.spool import Spool
from mien.service.watching import Watcher
from mien.service.webhooks.destinations import Guard, guard_options
from mien.service.webhooks.keyring import Seal
from mien.service.work.signing import signer_of
from mien.store.database import Store

if TYPE_CHECKING:
    from mien.streams.bus import Bus

ADDRESS_SHARES: Final = 4
"""Callers behind one address, such as a proxy that is not trusted, that have their whole share of pictures at once."""


@dataclass(frozen=True)
class ServiceParts:
    """Everything a running service shares between requests.

    Whoever opened store and bus closes them, after the application has ended.

    Attributes:
        settings: with a secret.
        store: where everything is kept.
        bus: what passes between processes.
        clock: what time it is, for tokens and lists; the store has its own.
        lifecycle: whether the process still wants work.
    """

    settings: ServiceSettings
    store: Store
    bus: Bus
    clock: Clock = field(default_factory=SystemClock)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    @cached_property
    def tokens(self) -> Tokens:
        """Makes and checks access tokens."""
        return Tokens(self.settings)

    @cached_property
    def intake(self) -> Intake:
        """The way in for snapshots."""
        made = Intake(self.store, self.bus)
        made.noticing.append(self.watcher.noticed)
        return made

    @cached_property
    def frames(self) -> FrameReader:
        """Reads frames that are sent in."""
        return FrameReader()

    @cached_property
    def timelines(self) -> Timelines:
        """Timelines as they are answered."""
        return Timelines()

    @cached_property
    def webhook_seal(self) -> Seal:
        """Seals and opens the secrets of webhooks."""
        return Seal(self.settings.signing_key)

    @cached_property
    def webhook_guard(self) -> Guard:
        """Judges where messages may go."""
        return Guard(guard_options(self.settings))

    @cached_property
    def watcher(self) -> Watcher:
        """Finds scares and drops while sessions run: tell it of what was stored."""
        return Watcher(self.store, live=self.bus.live)

    @cached_property
    def models(self) -> Models:
        """Read faces and texts that requests bring."""
        settings = self.settings
        readers = ReadersOptions(
            processes=settings.predict_threads,
            memory_bytes=settings.decode_memory_bytes,
            wall_seconds=settings.predict_wall_seconds,
            longest_seconds=settings.predict_seconds,
        )
        return Models(
            settings.prediction, readers, threads=settings.predict_threads, most_waiting=settings.predict_waiting
        )

    @cached_property
    def pictures(self) -> Admission:
        """How many pictures are here, and whose."""
        settings = self.settings
        return Admission(
            AdmissionOptions(
                arriving=settings.predict_arriving,
                reading=settings.predict_threads + settings.predict_waiting,
                share=settings.predict_share,
                address_share=settings.predict_share * ADDRESS_SHARES,
                held_bytes=max(settings.predict_held_bytes, settings.max_predict_bytes),
            )
        )

    @cached_property
    def signer(self) -> Signer | None:
        """What signs reports; None where they are not signed."""
        return signer_of(self.settings.report_key)

    @cached_property
    def analyses(self) -> Bench[None]:
        """Where analyses are reckoned that requests wait for."""
        return Bench("mien-analyses", lambda: None, most_waiting=self.settings.analyses_waiting)

    @cached_property
    def analysing(self) -> Analysing:
        """Whether this process has the weights that analyses need."""
        return Analysing()

    @cached_property
    def exports(self) -> Bench[None]:
        """Where files and markers are made that requests wait for."""
        return Bench("mien-exports", lambda: None, most_waiting=self.settings.exports_waiting)

    @cached_property
    def passwords(self) -> Passwords:
        """Hashes and checks passwords."""
        return Passwords()

    @cached_property
    def limits(self) -> Limits:
        """How fast somebody may ask."""
        return Limits(self.settings)

    @cached_property
    def known(self) -> KnownCallers:
        """Callers that were looked up a moment ago."""
        return KnownCallers(self.settings.known_seconds)

    @cached_property
    def standing(self) -> Standing:
        """Whether those who hold something open may still have it."""
        return Standing(self.store, self.bus.live, self.known, self.timelines, self.clock)

    @cached_property
    def spool(self) -> Spool:
        """Where uploads lie."""
        return Spool(self.settings.spool, self.settings.signing_key)
