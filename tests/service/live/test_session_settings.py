"""One reading of what a stored session was permitted for, whoever asks: frames, the watch, the report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mien.core.errors import InputError
from mien.core.settings import PROFILES, AudienceSettings
from mien.service.live.session_settings import audience_of, profile_of
from mien.store.records import SessionRecord
from tests.service.support import Service
from tests.store.support import draft

ASKED: dict[str, Any] = {"min_group": 9, "step_seconds": 0.25, "label_set": "studio6"}


@pytest.fixture
async def session(service: Service) -> SessionRecord:
    async with service.parts.store.begin(service.organisation) as work:
        return replace(await work.sessions.begin(draft()), profile="panel", **ASKED)


async def test_what_was_asked_for_goes_before_the_profile_for_frames_and_metrics_alike(session: SessionRecord) -> None:
    read, told = profile_of(session), audience_of(session)
    assert read.name == "panel"
    assert {name: getattr(told, name) for name in ASKED} == ASKED
    assert read.audience.model_copy(update={"replicates": 0}) == told
    assert told == PROFILES["panel"].audience.model_copy(update={**ASKED, "replicates": 0})


async def test_an_older_profile_is_still_told_of_but_reads_no_frames(session: SessionRecord) -> None:
    older = replace(session, profile="matinee")
    assert audience_of(older) == AudienceSettings().model_copy(update={**ASKED, "replicates": 0})
    with pytest.raises(InputError, match="matinee"):
        profile_of(older)
