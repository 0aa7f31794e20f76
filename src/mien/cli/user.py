"""``mien user``: users of a service who cannot help themselves."""

from __future__ import annotations

import click

from mien.cli._service import OPERATOR, database_options, in_store, password_option, read_password, service_extra, tell


@click.group()
def command() -> None:
    """Help users of the service who cannot sign in.

    It works on the database itself, with the settings that 'mien serve' has, while the service runs or not.
    """


@command.command("set-password")
@click.argument("name")
@password_option
@database_options
def set_password(name: str, password_stdin: bool, data: str | None, env_file: str) -> None:
    """Give the user NAME another password; every sign-in and token of theirs ends.

    Others are added, changed and shut out by an admin of theirs, through the service.
    """
    password = read_password(password_stdin)
    with service_extra():
        from mien.service import operating

    changed = in_store(data, env_file, lambda store: operating.set_password(store, name, password, actor=OPERATOR))
    click.echo(f"{changed.name!r} has another password; a service that runs ends what they have open within seconds.")
    tell(changed)
