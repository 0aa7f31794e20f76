"""What follows from the end of a job, in the transaction that ends it and whoever does so.

Webhooks are told once, and a session that the job was to fill takes no further snapshot: nothing else would ever end
it. Of such a job that came to nothing, nothing is left in the session, whoever had ended that before, so that half a
recording counts in no study.
"""

from __future__ import annotations

from typing import Any, Final

from mien.store.records import FILLS, Job, JobState
from mien.store.repositories.audit import Audit
from mien.store.repositories.sessions import Sessions
from mien.store.repositories.snapshots import Snapshots
from mien.store.repositories.webhooks import Deliveries
from mien.store.scope import Scope

ACTOR: Final = "worker"
SESSION_ENDED: Final = "session.ended"


async def job_ended(scope: Scope, job: Job, state: JobState, error: str | None = None) -> None:
    """Tell webhooks how a job ended, and end its session where that is still open.

    Args:
        scope: of the transaction that ends the job.
        job: which.
        state: a final one.
        error: why it failed or was cancelled.
    """
    told: dict[str, Any] = {"job_id": str(job.id), "kind": job.kind, "state": state.value}
    if job.session_id is not None:
        told["session_id"] = str(job.session_id)
    if error is not None:
        told["error"] = error
    deliveries = Deliveries(scope)
    await deliveries.publish(f"job.{state.value}", told, session_id=job.session_id)
    if job.session_id is None:
        return
    if job.kind == FILLS and state is not JobState.DONE:
        await Snapshots(scope).drop(job.session_id)
    sessions = Sessions(scope)
    if not await sessions.hold_open(job.session_id):
        return
    await sessions.end(job.session_id)
    reason = f"job_{state.value}"
    ended = {"session_id": str(job.session_id), "reason": reason}
    await deliveries.publish(SESSION_ENDED, ended, session_id=job.session_id)
    await Audit(scope).record(
        ACTOR, SESSION_ENDED, "session", job.session_id, {"reason": reason, "job_id": str(job.id)}
    )
