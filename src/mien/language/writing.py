"""What a writer promises: a summary of what was said, and what to search scholarly sources for."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mien.core import plugins
from mien.core.content import Term, Written

KIND: Final = "language.writers"
DEFAULT_WRITER: Final = "keywords"
QUERIES: Final = 5
"""Most search queries that a writer gives."""


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """How a writer runs.

    Attributes:
        model: its name at the writer, or None for the writer's default.
        language: code of the language that was spoken, or None where nobody told.
    """

    model: str | None = None
    language: str | None = None


class Writer(ABC):
    """Sums up what was said. A plug-in's ``create(WriterOptions)`` makes one.

    A plug-in that needs a key names its variable in ``KEY_VARIABLE``; without the key, :func:`open_writer` takes the
    default instead.

    Attributes:
        name: the plug-in's.
        sends_to: host that the text is sent to, or None where it stays on this machine.
    """

    name: str
    sends_to: str | None = None

    @abstractmethod
    def write(self, sentences: Sequence[str], terms: Sequence[Term]) -> Written:
        """A summary and queries.

        Args:
            sentences: of the text in order, at least one.
            terms: its key terms, strongest first.

        Raises:
            MienError: the writer cannot go on; the message says why.
        """


def open_writer(
    name: str = DEFAULT_WRITER, options: WriterOptions | None = None, environment: Mapping[str, str] = os.environ
) -> tuple[Writer, str | None]:
    """A writer by its plug-in's name, ``keywords`` or ``gemini``, and why it is another than that, or None.

    Raises:
        SettingsError: none of that name, or its address makes no sense.
    """
    options = options or WriterOptions()
    module = plugins.load(KIND, name)
    variable: str | None = getattr(module, "KEY_VARIABLE", None)
    note = None
    if variable is not None and not environment.get(variable, "").strip():
        module = plugins.load(KIND, DEFAULT_WRITER)
        note = f"{name} needs a key in {variable}; {DEFAULT_WRITER} wrote instead"
    writer: Writer = module.create(options)
    return writer, note
