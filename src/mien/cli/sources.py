"""``mien sources``: scholarly works about key terms."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mien.cli._keys import take_keys
from mien.core.errors import InputError

if TYPE_CHECKING:
    from mien.scholar import Source, SourceOptions, SourcesFound

LARGEST_TEXT_BYTES: Final = 4 << 20
"""Three days of speech."""
_MOST_NAMES: Final = 3


@click.command()
@click.argument("terms", nargs=-1, required=True, metavar="TERMS...")
@click.option(
    "--text",
    "text_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What was said, as plain text: works that fit it come first. It is not sent. - is standard input.",
)
@click.option("--limit", type=click.IntRange(1, 50), default=5, show_default=True, help="Most works told.")
@click.option("--since", type=click.IntRange(1000, 9999), metavar="YEAR", help="Leave out what was published before.")
@click.option("--service", "services", multiple=True, metavar="NAME", help="Ask this one only (may be repeated).")
@click.option("--contact", metavar="EMAIL", help="Tell the services your e-mail address (or MIEN_CONTACT_EMAIL).")
@click.option("--offline", is_flag=True, help="Ask nobody: searches to follow, and what was found before.")
@click.option("--no-cache", is_flag=True, help="Ask anew, and do not remember what was found.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    terms: tuple[str, ...],
    text_file: Path | None,
    limit: int,
    since: int | None,
    services: tuple[str, ...],
    contact: str | None,
    offline: bool,
    no_cache: bool,
    as_json: bool,
) -> None:
    """Find scholarly works about key TERMS, separated by commas.

    The terms are sent to OpenAlex, Crossref, arXiv and Semantic Scholar; a text never is. Searches to follow by hand
    are always told.
    """
    from mien.scholar import SourceOptions, as_document, find_sources, service_title
    from mien.scholar.wording import key_terms

    take_keys(os.environ)

    options = SourceOptions.from_environment()
    options = options.but(
        limit=limit,
        since_year=since,
        services=tuple(dict.fromkeys(services)) or options.services,
        contact_email=contact or options.contact_email,
        offline=offline or options.offline,
        cache_folder=None if no_cache else options.cache_folder,
    )
    text = _read(text_file) if text_file else ""
    wanted = key_terms([term for argument in terms for term in re.split(r"[,;\n]", argument)])
    if not options.offline:
        asked = ", ".join(service_title(name) for name in options.services)
        click.echo(f"Asking {asked}: {', '.join(wanted)}", err=True)
    found = find_sources(wanted, text, options)
    if as_json:
        click.echo(json.dumps(as_document(found), ensure_ascii=False, indent=1))
    else:
        _print(found, options)
    _tell(found, options)


def _read(path: Path) -> str:
    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read(LARGEST_TEXT_BYTES + 1)
        else:
            with path.open("rb") as file:
                content = file.read(LARGEST_TEXT_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > LARGEST_TEXT_BYTES:
        raise InputError(f"{path} has more than {LARGEST_TEXT_BYTES >> 20} MB: give the text of one talk.")
    return content.decode("utf-8-sig", "replace")


def _print(found: SourcesFound, options: SourceOptions) -> None:
    from mien.scholar import service_title

    for number, source in enumerate(found.sources, 1):
        year = f" ({source.year})" if source.year else ""
        click.echo(f"{number}. {source.title}{year}")
        by = "; ".join(part for part in (_authors(source), source.venue) if part)
        if by:
            click.echo(f"   {by}")
        known = ", ".join(service_title(name) for name in source.found_in)
        click.echo(f"   {source.url}   relevance {source.relevance:.2f}, found in {known}")
    if not found.sources:
        click.echo(
            "No works are remembered of these terms."
            if options.offline
            else "Nobody could tell of works."
            if len(found.failures) == len(options.services)
            else "No works found."
        )
    click.echo("Search further:")
    for link in found.links:
        click.echo(f"  {link.name:15s} {link.url}")


def _tell(found: SourcesFound, options: SourceOptions) -> None:
    """What was not asked and what failed, beside the answer."""
    from mien.scholar import service_title

    if options.offline:
        click.echo("Offline: no service was asked.", err=True)
        return
    for failure in found.failures:
        click.echo(f"{service_title(failure.service)} {failure.reason}.", err=True)
    if found.offline:
        click.echo("No service could be reached: this machine may be offline.", err=True)


def _authors(source: Source) -> str:
    names = source.authors
    return ", ".join(names[:_MOST_NAMES]) + (" and others" if len(names) > _MOST_NAMES else "")
