"""``mien organisation``: the tenants of a service."""

from __future__ import annotations

import click

from mien.cli._service import OPERATOR, database_options, in_store, password_option, read_password, service_extra, tell


@click.group()
def command() -> None:
    """Add and list organisations of the service; none sees anything of another.

    It works on the database itself, with the settings that 'mien serve' has, while the service runs or not.
    """


@command.command()
@click.argument("name")
@click.option("--admin", required=True, metavar="NAME", help="Whom the organisation's first admin signs in as.")
@password_option
@database_options
def add(name: str, admin: str, password_stdin: bool, data: str | None, env_file: str) -> None:
    """Add the organisation NAME and its first admin.

    Where there is none yet it is the first: 'mien serve' then makes none itself.
    """
    password = read_password(password_stdin)
    with service_extra():
        from mien.service import operating

    made = in_store(
        data,
        env_file,
        lambda store: operating.add_organisation(store, name, admin, password, actor=OPERATOR),
        make=True,
    )
    click.echo(f"The organisation {name!r} was added.")
    if made.first:
        click.echo("It is the first: 'mien serve' makes none itself.")
    tell(made.admin)


@command.command("list")
@database_options
def list_organisations(data: str | None, env_file: str) -> None:
    """List organisations, oldest first."""
    with service_extra():
        from mien.service import operating

    for organisation in in_store(data, env_file, operating.organisations):
        click.echo(f"{organisation.created_at:%Y-%m-%d}  {organisation.id}  {organisation.name}")
