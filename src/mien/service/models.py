"""The models that answer requests: opened once in a process, each at its bench."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from mien.core.policy import Declaration, authorise
from mien.core.settings import PROFILES, Profile
from mien.service.bench import Bench, BusyError

if TYPE_CHECKING:
    from mien.language.emotion import TextClassifier
    from mien.pipeline import Pipeline

PREDICTION_PROFILE = "service"
"""Labels ``indexed7``, every fifth frame, neutral weighed by 0.7."""


def prediction_profile() -> Profile:
    """Settings that single pictures are read with."""
    return PROFILES[PREDICTION_PROFILE]


class Models:
    """Readers of faces and of texts; nothing is opened before it is needed.

    Args:
        declaration: what the operator declares about pictures that are sent in.
        threads: that read at once, of each kind.
        most_waiting: that may wait besides, of each kind.

    Raises:
        PolicyError: what is declared does not permit to read single people.
    """

    def __init__(self, declaration: Declaration, *, threads: int = 1, most_waiting: int = 32) -> None:
        authorise(declaration, prediction_profile())
        self.declaration = declaration
        self._held, self._most = 0, threads + most_waiting
        self.faces: Bench[Pipeline] = Bench(
            "mien-faces", partial(_open_faces, declaration), threads=threads, most_waiting=most_waiting
        )
        self.texts: Bench[TextClassifier] = Bench("mien-texts", _open_texts, threads=threads, most_waiting=most_waiting)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Room in memory for one picture or clip, from its first byte until its answer.

        Raises:
            BusyError: as many are held as may be read or wait.
        """
        if self._held >= self._most:
            raise BusyError("too many pictures are here already: send it again in a moment.")
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    async def close(self) -> None:
        """Finish what is read."""
        await asyncio.gather(self.faces.close(), self.texts.close())


def _open_faces(declaration: Declaration) -> Pipeline:
    from mien.assembly import Choices, assemble
    from mien.core.settings import InferenceSettings

    return assemble(prediction_profile(), declaration, Choices(), InferenceSettings()).pipeline


def _open_texts() -> TextClassifier:
    from mien.language.opening import open_text_classifier

    return open_text_classifier()
