"""What whoever runs the service does at the machine itself, past its doors: organisations, and lost passwords."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Final

from mien.service.security.passwords import Passwords
from mien.store.database import Store
from mien.store.errors import NotFoundError
from mien.store.records import Organisation, Role

_PASSWORD_BYTES: Final = 18


@dataclass(frozen=True, slots=True)
class Admitted:
    """Somebody who may come in, or may again.

    Attributes:
        name: to sign in with.
        password: to be shown once; None where the operator chose it.
    """

    name: str
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Added:
    """An organisation that was added.

    Attributes:
        admin: its first.
        first: there was none before, so that the service's first start makes none.
    """

    admin: Admitted
    first: bool


async def add_organisation(store: Store, organisation: str, admin: str, password: str | None, *, actor: str) -> Added:
    """A new tenant with its first admin, both or neither.

    Args:
        store: of the service, which may run meanwhile.
        organisation: its name.
        admin: the name that its admin signs in with; a name is of one user in all organisations.
        password: of the admin; one is made up for None.
        actor: who is said to have done it, in the organisation's audit.

    Raises:
        ConflictError: one of the names is taken.
        InvalidError: one of the names is none.
    """
    chosen = secrets.token_urlsafe(_PASSWORD_BYTES) if password is None else password
    hashed = await Passwords().hashed(chosen)
    async with store.begin_system() as system:
        first = not await system.directory.organisations()
        made = await system.directory.add_organisation(organisation)
        work = system.of(made.id)
        user = await work.users.add(admin, hashed, Role.ADMIN)
        await work.audit.record(actor, "user.added", "user", user.id, {"role": user.role.value})
    return Added(Admitted(user.name, chosen if password is None else None), first)


async def organisations(store: Store) -> tuple[Organisation, ...]:
    """Every tenant, oldest first."""
    async with store.begin_system(read_only=True) as system:
        return await system.directory.organisations()


async def set_password(store: Store, name: str, password: str | None, *, actor: str) -> Admitted:
    """Another password for somebody who lost theirs; every sign-in and token of theirs ends.

    Args:
        store: of the service, which may run meanwhile: it hears of it within seconds.
        name: that they sign in with.
        password: the new one; one is made up for None.
        actor: as for :func:`add_organisation`.

    Raises:
        NotFoundError: nobody of this name may sign in.
    """
    chosen = secrets.token_urlsafe(_PASSWORD_BYTES) if password is None else password
    hashed = await Passwords().hashed(chosen)
    async with store.begin_system() as system:
        found = await system.directory.credentials(name)
        if found is None:
            raise NotFoundError(f"nobody who may sign in is called {name!r}.")
        work = system.of(found.organisation_id)
        await work.users.change_password(found.user.id, hashed)
        await work.sign_ins.end_all(found.user.id)
        await work.audit.record(actor, "user.password_set", "user", found.user.id)
    return Admitted(found.user.name, chosen if password is None else None)
