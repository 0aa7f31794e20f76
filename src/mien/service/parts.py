"""What the routes work with, handed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from mien.core.clock import Clock, SystemClock
from mien.service.bench import Bench
from mien.service.lifecycle import Lifecycle
from mien.service.models import Models
from mien.service.security.passwords import Passwords
from mien.service.security.tokens import Tokens
from mien.service.settings import ServiceSettings
from mien.store.database import Store

if TYPE_CHECKING:
    from mien.streams.bus import Bus


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
    def models(self) -> Models:
        """Read faces and texts that requests bring."""
        settings = self.settings
        return Models(settings.prediction, threads=settings.predict_threads, most_waiting=settings.predict_waiting)

    @cached_property
    def analyses(self) -> Bench[None]:
        """Where analyses are reckoned that requests wait for."""
        return Bench("mien-analyses", lambda: None, most_waiting=self.settings.analyses_waiting)

    @cached_property
    def passwords(self) -> Passwords:
        """Hashes and checks passwords."""
        return Passwords()
