"""``mien worker``: does the service's jobs."""

from __future__ import annotations

import click

from mien.cli._service import service_extra, warn_of_unknown


@click.command()
@click.option("--slots", type=click.IntRange(1, 64), help="Jobs at once (default: 1).")
@click.option("--data", metavar="FOLDER", help="Database, secret and spool (default: mien-data).")
@click.option("--env-file", default=".env", show_default=True, metavar="FILE", help="Settings, a NAME=value a line.")
@click.option("--beside-service", is_flag=True, help="Also end when standard input does, as when 'mien serve' dies.")
def command(slots: int | None, data: str | None, env_file: str, beside_service: bool) -> None:
    """Do the service's jobs until told to stop.

    It needs the settings that 'mien serve' has: the same database, secret and spool folder. 'mien serve' starts one
    itself; more of them may run on this machine and on others. SIGTERM lets jobs finish for a while, and hands back the
    rest.
    """
    import asyncio
    import os
    from pathlib import Path

    with service_extra():
        from mien.service.settings import ServiceSettings
        from mien.service.work.running import work
    # Database, spool and logs are nobody else's, whoever made their folder.
    os.umask(0o077)
    settings = ServiceSettings.from_environment(os.environ, Path(env_file), data_folder=data, worker_slots=slots)
    if not beside_service:  # the service that started it has said so
        warn_of_unknown(env_file)
    asyncio.run(work(settings, beside_service=beside_service))
