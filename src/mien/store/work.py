"""Units of work: what one transaction can do."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from mien.core.clock import Clock
from mien.store.directory import Directory
from mien.store.ids import Ids
from mien.store.outbox import Outbox
from mien.store.queue import Queue
from mien.store.renewing import Renewing
from mien.store.repositories.answers import Answers
from mien.store.repositories.api_keys import ApiKeys
from mien.store.repositories.audit import Audit
from mien.store.repositories.erasure import Erasure
from mien.store.repositories.jobs import Jobs
from mien.store.repositories.moments import Moments
from mien.store.repositories.report_files import ReportFiles
from mien.store.repositories.reports import Reports
from mien.store.repositories.respondents import Consents, Respondents
from mien.store.repositories.samples import Samples
from mien.store.repositories.sessions import Sessions
from mien.store.repositories.sign_ins import SignIns
from mien.store.repositories.snapshots import Snapshots
from mien.store.repositories.spooled_files import SpooledFiles
from mien.store.repositories.studies import Studies
from mien.store.repositories.titles import Titles, Versions
from mien.store.repositories.users import Users
from mien.store.repositories.webhooks import Deliveries, Webhooks
from mien.store.retention import Retention
from mien.store.scope import Scope
from mien.store.spool_sweep import SpoolSweep


class Work:
    """One organisation's things in one transaction.

    Args:
        scope: whose, and in which transaction.
    """

    def __init__(self, scope: Scope) -> None:
        self.organisation_id: UUID = scope.organisation_id
        self.users = Users(scope)
        self.api_keys = ApiKeys(scope)
        self.sign_ins = SignIns(scope)
        self.answers = Answers(scope)
        self.titles = Titles(scope)
        self.versions = Versions(scope)
        self.studies = Studies(scope)
        self.respondents = Respondents(scope)
        self.consents = Consents(scope)
        self.sessions = Sessions(scope)
        self.snapshots = Snapshots(scope)
        self.samples = Samples(scope)
        self.moments = Moments(scope)
        self.reports = Reports(scope)
        self.report_files = ReportFiles(scope)
        self.spooled_files = SpooledFiles(scope)
        self.jobs = Jobs(scope)
        self.webhooks = Webhooks(scope)
        self.deliveries = Deliveries(scope)
        self.audit = Audit(scope)
        self.erasure = Erasure(scope)


class SystemWork:
    """What no single organisation does, in one transaction: signing in, working off jobs, retention.

    Args:
        connection: with a transaction begun.
        clock, ids: where times and identifiers come from.
    """

    def __init__(self, connection: AsyncConnection, clock: Clock, ids: Ids) -> None:
        self._connection, self._clock, self._ids = connection, clock, ids
        self.directory = Directory(connection, clock, ids)
        self.renewing = Renewing(connection, clock, ids)
        self.queue = Queue(connection, clock, ids)
        self.outbox = Outbox(connection, clock)
        self.retention = Retention(connection, clock, ids)
        self.spool_sweep = SpoolSweep(connection, clock)

    def of(self, organisation_id: UUID) -> Work:
        """One organisation's things, in this transaction."""
        return Work(Scope(organisation_id, self._connection, self._clock, self._ids))
