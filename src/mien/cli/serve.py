"""``mien serve``: the service."""

from __future__ import annotations

import click

from mien.cli._service import service_extra, warn_of_unknown


@click.command()
@click.option("--host", help="Address to listen on (default: 127.0.0.1; 0.0.0.0 for every one).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (default: 8000; 0 for any).")
@click.option("--data", metavar="FOLDER", help="Database, secret and spool (default: mien-data).")
@click.option("--tls-certificate", metavar="FILE", help="Certificate chain (PEM): HTTPS only, with --tls-key.")
@click.option("--tls-key", metavar="FILE", help="Its key (PEM).")
@click.option("--workers", type=click.IntRange(0, 64), help="Worker processes beside the service (default: 1).")
@click.option("--env-file", default=".env", show_default=True, metavar="FILE", help="Settings, a NAME=value a line.")
@click.option("--show-settings", is_flag=True, help="Print every setting without secrets, and end.")
def command(
    host: str | None,
    port: int | None,
    data: str | None,
    tls_certificate: str | None,
    tls_key: str | None,
    workers: int | None,
    env_file: str,
    show_settings: bool,
) -> None:
    """Run the service until it is told to stop.

    Every setting is an environment variable (docs/reference/service.md); options go before it. The first start makes a
    secret, and an admin whose password is shown once.
    """
    import os
    from pathlib import Path

    with service_extra():
        from mien.service.settings import ServiceSettings
    # Database, spool and logs are nobody else's, whoever made their folder.
    os.umask(0o077)
    settings = ServiceSettings.from_environment(
        os.environ,
        Path(env_file),
        host=host,
        port=port,
        data_folder=data,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        workers=workers,
    )
    if show_settings:
        for name, value in settings.shown().items():
            click.echo(f"{name} = {value}")
        return
    warn_of_unknown(env_file)
    with service_extra():
        # It takes seconds: settings that make no sense are told at once.
        from mien.service import serving
    serving.serve(settings, click.echo)
