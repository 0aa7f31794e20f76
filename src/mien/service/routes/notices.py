"""Notices: what an administrator tells everybody who has a text socket open."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from mien.service.compatible.messages import Notice
from mien.service.compatible.socket import notices_of
from mien.service.dependencies import Parts, RequireAdmin
from mien.service.problems import ProblemError, responses
from mien.streams.bus import Announcement
from mien.streams.errors import BusUnavailableError

router = APIRouter(prefix="/api/v1/notices", tags=["notices"])


class NewNotice(BaseModel):
    """A notice to be told."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(min_length=1, max_length=500)


@router.post("", operation_id="create_notice", status_code=202, responses=responses(401, 403, 422, 429, 503))
async def create_notice(notice: NewNotice, caller: RequireAdmin, parts: Parts) -> Notice:
    """Tell every client of the organisation whose text socket is open, at whatever process; nothing is kept."""
    told = Notice(message=notice.message, timestamp=parts.clock.now().timestamp())
    async with parts.store.begin(caller.organisation_id) as work:
        await work.audit.record(caller.actor, "notice.told", "notice", None, {"characters": len(notice.message)})
    channel = notices_of(caller.organisation_id)
    try:
        await parts.bus.live.announce([Announcement(channel, "notice", told.model_dump_json().encode())])
    except BusUnavailableError as error:
        raise ProblemError(503, "unavailable", "Nobody can be told just now: try again.") from error
    return told
