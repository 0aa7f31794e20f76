"""What the commands that work on the service's database share."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mien.service.operating import Admitted
    from mien.store.database import Store

Result = TypeVar("Result")
OPERATOR = "operator"
"""Who is said to have done it, in the audit."""


@contextmanager
def service_extra() -> Generator[None]:
    """Around imports of what the extra ``[service]`` brings.

    Raises:
        SettingsError: one of them is missing.
    """
    from mien.core.errors import SettingsError

    try:
        yield
    except ImportError as error:
        raise SettingsError(
            f"the service needs the extra [service] ({error.name} is missing): pip install 'mien[service]'"
        ) from error


def database_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--data`` and ``--env-file``, as 'mien serve' has them."""
    for option in (
        click.option(
            "--env-file", default=".env", show_default=True, metavar="FILE", help="Settings, a NAME=value a line."
        ),
        click.option("--data", metavar="FOLDER", help="Database, secret and spool (default: mien-data)."),
    ):
        command = option(command)
    return command


password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input; otherwise one is made and shown."
)


def read_password(wanted: bool) -> str | None:
    """The first line of standard input where that is wanted, or None.

    Raises:
        SettingsError: it is too short or too long.
    """
    if not wanted:
        return None
    from mien.core.errors import SettingsError

    with service_extra():
        from mien.service.security.passwords import LONGEST, SHORTEST

    told = sys.stdin.readline().rstrip("\r\n")
    if not SHORTEST <= len(told) <= LONGEST:
        raise SettingsError(f"a password has {SHORTEST} to {LONGEST} characters, not {len(told)}.")
    return told


def warn_of_unknown(env_file: str) -> None:
    """Tell of names that look like settings and are none, on standard error.

    Raises:
        SettingsError: a line of the file says nothing, or the extra is missing.
    """
    import os
    from pathlib import Path

    with service_extra():
        from mien.service.names import unknown
    for problem in unknown(os.environ, Path(env_file)):
        click.echo(f"Warning: {problem}", err=True)


def in_store(
    data: str | None, env_file: str, do: Callable[[Store], Awaitable[Result]], *, make: bool = False
) -> Result:
    """Do something with the service's database, and close it.

    Args:
        data, env_file: as :func:`database_options` has them.
        do: what.
        make: folder and database, where there are none.

    Raises:
        SettingsError: a setting is wrong, the extra is missing, there is no database, or it refuses what was asked of
            it.
        StoreError: the database cannot be opened.
    """
    import os
    from pathlib import Path

    from mien.core.errors import SettingsError

    with service_extra():
        from mien.service.first_run import make_folder
        from mien.service.settings import ServiceSettings
        from mien.store.database import Store
        from mien.store.errors import ConflictError, InvalidError, NotFoundError
    os.umask(0o077)
    settings = ServiceSettings.from_environment(os.environ, Path(env_file), data_folder=data)
    warn_of_unknown(env_file)
    if make and settings.database_url is None:
        make_folder(settings.data_folder)
    elif not make and settings.database_url is None and not settings.data_folder.is_dir():
        raise SettingsError(f"there is no folder {settings.data_folder}: name the service's with --data.")

    async def opened() -> Result:
        store = await Store.open(settings.database, existing=not make)
        try:
            return await do(store)
        except (ConflictError, InvalidError, NotFoundError) as error:
            raise SettingsError(str(error)) from error
        finally:
            await store.close()

    return asyncio.run(opened())


def tell(admitted: Admitted) -> None:
    """Show a password that was made, once."""
    if admitted.password is not None:
        click.echo(f"Sign in as {admitted.name!r} with this password, which is shown once:")
        click.echo(f"    {admitted.password}")
