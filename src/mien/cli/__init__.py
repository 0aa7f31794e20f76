"""The command line. A file's name is its command's name (underscores become hyphens) and exposes it as ``command``.

Nothing but the command that runs is imported: the list of commands reads each file's text for its summary.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import pkgutil
from importlib.abc import InspectLoader
from typing import Any, Final

import click

from mien import __version__
from mien.core.errors import MienError, SettingsError

INTERRUPTED: Final = 130
TRUNCATED: Final = 12
"""The report was written, but its recording is damaged or ended early."""
"""Exit code after Ctrl-C."""


class LazyGroup(click.Group):
    """A group whose commands are the modules of this package, each imported when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, sorted."""
        modules = (module.name for module in pkgutil.iter_modules(__path__))
        return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now, or None.

        Raises:
            SettingsError: a package that the command needs is missing.
        """
        if cmd_name not in self.list_commands(ctx):
            return None
        try:
            module = importlib.import_module(_module(cmd_name))
        except ImportError as error:
            raise SettingsError(f"'mien {cmd_name}' cannot be loaded: {error}") from error
        found: click.Command = module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        names = self.list_commands(ctx)
        room = formatter.width - 6 - max(len(name) for name in names)
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(name, room)) for name in names])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error that a user can act on becomes a message and its exit code."""
        try:
            return super().invoke(ctx)
        except MienError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)


def _module(name: str) -> str:
    return f"{__name__}.{name.replace('-', '_')}"


def _summary(name: str, room: int) -> str:
    """First sentence of what ``mien NAME --help`` says, from the module's text."""
    spec = importlib.util.find_spec(_module(name))
    text = spec.loader.get_source(_module(name)) if spec and isinstance(spec.loader, InspectLoader) else None
    for node in ast.parse(text or "").body:
        if isinstance(node, ast.FunctionDef) and node.name == "command":
            described = inspect.cleandoc(ast.get_docstring(node) or "")
            return click.Command(name, help=described).get_short_help_str(room)
    return ""


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mien", message="%(prog)s %(version)s")
def main() -> None:
    """Measure how an audience reacts to what it watches, and keep no face."""
