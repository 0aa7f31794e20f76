"""What a service makes for itself when it starts for the first time: a secret, an organisation, an admin."""

from __future__ import annotations

import base64
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from mien.core.errors import OutputError, SettingsError
from mien.service.operating import Admitted, add_organisation, organisations
from mien.service.settings import LEAST_SECRET_BYTES, ServiceSettings
from mien.store.database import Store
from mien.store.errors import ConflictError

SECRET_FILE: Final = "secret"
ORGANISATION: Final = "Mien"
"""The first one, where the operator names none."""


def with_secret(settings: ServiceSettings) -> tuple[ServiceSettings, Path | None]:
    """Settings with a secret: the operator's, or the one in the data folder, made where there is none.

    Returns:
        The settings, and the file that was made just now; None where none was.

    Raises:
        SettingsError: several processes would each make their own, or others than the owner can read the file.
        OutputError: it cannot be written.
    """
    make_folder(settings.data_folder)
    if settings.security_secret is not None:
        return settings, None
    if settings.database_url is not None or settings.redis_url is not None:
        raise SettingsError(
            "processes that share a database or Redis need the same secret: set SECURITY_SECRET, for example to what "
            "'openssl rand -base64 64' prints."
        )
    path = settings.data_folder / SECRET_FILE
    made = not path.exists()
    if made:
        _write(path, base64.b64encode(secrets.token_bytes(LEAST_SECRET_BYTES)).decode() + "\n")
    try:
        found = path.read_text(encoding="ascii").strip()
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SettingsError(f"others can read the secret in {path}: run 'chmod 600 {path}', or make another one.")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the secret in {path} cannot be read: {type(error).__name__}.") from error
    told = ServiceSettings.model_validate({**dict(settings), "security_secret": SecretStr(found)})
    return told, path if made else None


async def first_admin(store: Store, settings: ServiceSettings) -> Admitted | None:
    """Make the organisation and its admin where the database holds no organisation; None where it does."""
    if await organisations(store):
        return None
    chosen = settings.admin_password
    password = None if chosen is None else chosen.get_secret_value()
    try:
        name = settings.organisation or ORGANISATION
        return (await add_organisation(store, name, settings.admin_name, password, actor="first-run")).admin
    except ConflictError:  # another process started at the same time
        return None


async def missing_organisation(store: Store, settings: ServiceSettings) -> str | None:
    """What is wrong with the organisation that the operator names, in words; None where nothing is."""
    async with store.begin_system(read_only=True) as system:
        if settings.organisation is None or await system.directory.organisation_named(settings.organisation):
            return None
    return (
        "MIEN_ORGANISATION names an organisation that there is not ('mien organisation list' tells those there are): "
        "callers that only another issuer's token tells of are refused."
    )


def make_folder(folder: Path) -> None:
    """The data folder, its owner's alone, where there is none.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the data folder {folder} cannot be made: {error.strerror}.") from error


def _write(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        return
    except OSError as error:
        raise OutputError(f"the secret cannot be written to {path}: {error.strerror}.") from error
