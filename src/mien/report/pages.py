"""Makes a page of a template: one file with its styles and scripts inside, under a policy that allows nothing else."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any, Final

import jinja2
from markupsafe import Markup

from mien.core.labels import LABEL_SETS
from mien.report.palette import COLOURS, css, label_colours, on_paper
from mien.report.wording import clock, percent

FILM_SOURCES: Final = "'self' blob:"
"""Where a page may play a film from: files that lie where the page does, and one that its reader picks."""


def template_environment(load: Callable[[str], str]) -> jinja2.Environment:
    """Where the templates of pages are compiled: everything is escaped, and a name that is not given is an error.

    Args:
        load: a template's text by its name.
    """
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


@functools.lru_cache(8)
def _environment(filters: tuple[tuple[str, Callable[..., Any]], ...]) -> jinja2.Environment:
    """Where templates are compiled, once each."""
    environment = template_environment(asset)
    environment.filters |= {"clock": clock, "percent": percent, "points": points, "count": count, "whole": whole}
    environment.filters |= dict(filters)
    return environment


def render_page(
    template: str,
    styles: Sequence[str],
    scripts: Sequence[str],
    *,
    film: bool = False,
    served: bool = False,
    filters: Mapping[str, Callable[..., Any]] | None = None,
    **context: Any,
) -> str:
    """A whole page.

    Args:
        template: file name in ``page/``. It is given ``csp``, ``style`` and ``script``.
        styles, scripts: file names in ``page/``, put together in this order.
        filters: of the template's own, by name.
        film: whether the page may play a film.
        served: whether the page may ask whoever serves it for pictures and figures; nothing else can be loaded by any
            page.
        context: what the template tells.
    """
    script = "\n".join(map(asset, scripts))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = _environment(tuple(sorted((filters or {}).items())))
    return environment.get_template(template).render(
        csp=f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        + ("img-src 'self' data:; connect-src 'self'; " if served else "img-src data:; ")
        + (f"media-src {FILM_SOURCES}; " if film else "")
        + "base-uri 'none'; form-action 'none'",
        script=Markup(script),
        style=Markup("".join(map(asset, styles)) + _colours()),
        **context,
    )


def asset(name: str) -> str:
    """A file of ``page/``."""
    return (resources.files("mien.report") / "page" / name).read_text(encoding="utf-8")


def slug(label: str) -> str:
    """A label as a part of a custom property's name."""
    return label.replace(" ", "-")


def whole(text: str) -> str:
    """Numbers kept on one line with their units."""
    return re.sub(r"(\d) (%|points|faces?|frames?|sessions?)", "\\1\N{NO-BREAK SPACE}\\2", text)


def points(value: float) -> str:
    """Points as whole percent, with what is not nothing told as such."""
    return "under 1" if 0 < value < 0.5 else f"{value:.0f}"


def count(value: int) -> str:
    """A number with its thousands apart."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _colours() -> str:
    """Custom properties for every emotion and every label of every view, on light and on dark ground."""
    light, dark = [], []
    for emotion, colour in COLOURS.items():
        light.append(f"--e-{emotion}:{css(on_paper(colour))};")
        dark.append(f"--e-{emotion}:{css(colour)};")
    for labels in LABEL_SETS.values():
        for label, colour in label_colours(labels).items():
            light.append(f"--{labels.name}-{slug(label)}:{css(on_paper(colour))};")
            dark.append(f"--{labels.name}-{slug(label)}:{css(colour)};")
    return f":root{{{''.join(light)}}}@media screen and (prefers-color-scheme:dark){{:root{{{''.join(dark)}}}}}\n"
