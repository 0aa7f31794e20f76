"""The models that answer requests: opened once, and not in this process where they read what strangers send."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mien.core.policy import Declaration, authorise
from mien.service.bench import Bench
from mien.service.pictures.processes import ReadersOptions
from mien.service.pictures.readers import Readers
from mien.service.pictures.reading import prediction_profile

if TYPE_CHECKING:
    from mien.language.emotion import TextClassifier


class Models:
    """Readers of faces and of texts; nothing is opened before it is needed.

    Args:
        declaration: what the operator declares about pictures that are sent in.
        readers: what reading a picture may cost.
        threads: that read texts at once.
        most_waiting: texts that may wait besides.

    Raises:
        PolicyError: what is declared does not permit to read single people.
    """

    def __init__(
        self,
        declaration: Declaration,
        readers: ReadersOptions | None = None,
        *,
        threads: int = 1,
        most_waiting: int = 32,
    ) -> None:
        authorise(declaration, prediction_profile())
        self.declaration = declaration
        self.faces = Readers(declaration, readers)
        self.texts: Bench[TextClassifier] = Bench("mien-texts", _open_texts, threads=threads, most_waiting=most_waiting)

    async def close(self) -> None:
        """Finish the texts that are read, and end the processes that read pictures."""
        await asyncio.gather(self.faces.close(), self.texts.close())


def _open_texts() -> TextClassifier:
    from mien.language.opening import open_text_classifier

    return open_text_classifier()
