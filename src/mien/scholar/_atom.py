"""XML from strangers: no document type, hence no entities but the five of XML, nothing fetched, nothing that grows."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from mien.scholar.service import AnswerError

DEEPEST: Final = 32


def parse(body: bytes) -> Element:
    """A document's root; names as ``{namespace}local``, attributes left out.

    Raises:
        AnswerError: not well-formed, cut short, with a document type, or nested deeper than :data:`DEEPEST`.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise AnswerError("answered with XML that is nested too deep")
        builder.start(_named(name), {})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_named(name))

    def refuse(*told: object) -> None:
        raise AnswerError("answered with XML that declares a document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
        return builder.close()
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise AnswerError("answered with something that is no XML, or broke off in it") from error


def _named(name: str) -> str:
    return "{" + name if "}" in name else name
