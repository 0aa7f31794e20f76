"""The settings that a stored session was permitted for: its profile's, with what was asked for in it."""

from __future__ import annotations

from mien.core.errors import InputError
from mien.core.settings import PROFILES, AudienceSettings, Profile
from mien.store.records import SessionRecord


def profile_of(session: SessionRecord) -> Profile:
    """What frames of a session are read with.

    Raises:
        InputError: its profile is none of this version's.
    """
    profile = PROFILES.get(session.profile)
    if profile is None:
        raise InputError(f"the session's profile {session.profile} is none of this version's.")
    return profile.model_copy(update={"audience": _asked(session, profile.audience)})


def audience_of(session: SessionRecord) -> AudienceSettings:
    """What a session's metrics run under, also where its profile is none of this version's.

    There are no replicates: they never leave the process that saw the people.
    """
    known = PROFILES.get(session.profile)
    audience = known.audience if known is not None else AudienceSettings()
    return _asked(session, audience).model_copy(update={"replicates": 0})


def _asked(session: SessionRecord, audience: AudienceSettings) -> AudienceSettings:
    changes = {"min_group": session.min_group, "step_seconds": session.step_seconds, "label_set": session.label_set}
    return audience.model_copy(update=changes)
