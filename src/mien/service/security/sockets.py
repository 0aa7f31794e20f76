"""Letting WebSockets in.

A refusal before the handshake reaches a browser as HTTP 403 without a reason, so a socket that may not come in is
accepted, sent nothing, and closed with 4001.
"""

from __future__ import annotations

import contextlib
from typing import Final

from starlette.websockets import WebSocket

from mien.service.parts import ServiceParts
from mien.service.principal import Caller
from mien.service.problems import ProblemError
from mien.service.security import origins
from mien.service.security.authentication import authenticate
from mien.service.security.limits import address_of
from mien.store.records import Role

REFUSED: Final = 4001


async def admit(
    socket: WebSocket, parts: ServiceParts, *, role: Role = Role.VIEWER, foreign: bool = False
) -> Caller | None:
    """Accept a socket whose caller is known, in the role at least; close any other.

    A page (whatever sends an ``Origin``) must be the service's own or one of ``MIEN_ORIGINS``.

    Args:
        socket: not accepted yet.
        parts: of the service.
        role: least one.
        foreign: as in :func:`~mien.service.security.authentication.authenticate`.

    Returns:
        Who it is; None where the socket was closed.
    """
    caller = None
    if not origins.told(socket) or origins.allowed(socket, parts.settings.origins):
        try:
            caller = (await authenticate(socket, parts, foreign=foreign)).caller
            await parts.limits.request(caller.actor)
        except ProblemError as problem:
            caller = None
            if problem.status == 401:
                with contextlib.suppress(ProblemError):
                    await parts.limits.refused(address_of(socket))
    if caller is not None and not caller.role.includes(role):
        caller = None
    await socket.accept()
    if caller is None:
        socket.state.auth = "refused"
        await socket.close(REFUSED)
        return None
    socket.state.auth = "accepted"
    return caller
