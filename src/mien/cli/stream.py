"""``mien stream``: the stream of snapshots between processes of a service, and what was given up in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from mien.cli._service import service_extra, warn_of_unknown

if TYPE_CHECKING:
    from mien.streams.bus import Bus

Result = TypeVar("Result")
_SHOWN = 1000


@click.group()
def command() -> None:
    """Look after the stream of snapshots, where the service's processes share a Redis.

    It needs MIEN_REDIS_URL, as 'mien serve' does. What waits in a service without Redis is in its own memory.
    """


@command.command()
@click.option("--env-file", default=".env", show_default=True, metavar="FILE", help="Settings, a NAME=value a line.")
def status(env_file: str) -> None:
    """Tell what waits, and what was given up and why; never what is in it."""
    from mien.streams.snapshots import STREAM

    async def asked(bus: Bus) -> None:
        backlog = await bus.streams.backlog(STREAM)
        click.echo(f"{backlog.waiting} messages wait, {backlog.dead} were given up.")
        for letter in await bus.streams.dead_letters(STREAM, limit=_SHOWN):
            click.echo(f"{letter.id}  {letter.group}  delivered {letter.deliveries} times: {letter.reason}")

    _on_bus(env_file, asked)


@command.command()
@click.option("--env-file", default=".env", show_default=True, metavar="FILE", help="Settings, a NAME=value a line.")
def revive(env_file: str) -> None:
    """Send everything again that was given up, once what it failed on is mended."""
    from mien.streams.snapshots import STREAM

    async def asked(bus: Bus) -> int:
        # Those that fail once more are given up anew: what there is now is gone through once.
        left, revived = (await bus.streams.backlog(STREAM)).dead, 0
        while left > 0 and (letters := await bus.streams.dead_letters(STREAM, limit=min(left, _SHOWN))):
            revived += await bus.streams.revive(STREAM, letters)
            left -= len(letters)
        return revived

    click.echo(f"{_on_bus(env_file, asked)} messages were sent again.")


def _on_bus(env_file: str, do: Callable[[Bus], Awaitable[Result]]) -> Result:
    import os
    from pathlib import Path

    from mien.core.errors import SettingsError

    with service_extra():
        from mien.service.settings import ServiceSettings
        from mien.streams.opening import BusOptions, open_bus
    settings = ServiceSettings.from_environment(os.environ, Path(env_file))
    warn_of_unknown(env_file)
    if settings.redis_url is None:
        raise SettingsError("there is no stream to look after: set MIEN_REDIS_URL to the Redis of the service.")
    url = settings.redis_url.get_secret_value()

    async def opened() -> Result:
        bus = await open_bus(url, BusOptions(require_durable=False))
        try:
            return await do(bus)
        finally:
            await bus.close()

    return asyncio.run(opened())
