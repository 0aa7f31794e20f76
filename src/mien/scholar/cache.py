"""Answers remembered on disk: a question asked again within days is not sent again.

One file an answer, named by the hash of what was asked. A file that is damaged, expired or from the future is as good
as none. A disk that cannot be written to remembers nothing, and nothing else comes of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_VERSION: Final = 1
_SUFFIX: Final = ".answer"
_UNFINISHED: Final = ".part"
_ABANDONED_SECONDS: Final = 3_600.0
_MOST_FILES: Final = 256
_log = logging.getLogger("mien.scholar")


@dataclass(frozen=True, slots=True)
class AnswerCache:
    """A folder of answers.

    Attributes:
        folder: made when needed, readable by its owner only.
        keep_seconds: how long an answer is good.
    """

    folder: Path
    keep_seconds: float

    def recall(self, question: str, now: float) -> bytes | None:
        """The answer to a question, if one is remembered that has not expired.

        Args:
            question: whatever tells it from others; no secrets.
            now: wall-clock time, in seconds since 1970.
        """
        try:
            content = self._path(question).read_bytes()
        except OSError:
            return None
        head, _, body = content.partition(b"\n")
        try:
            told = json.loads(head)
            saved, fits = float(told["saved"]), told["version"] == _VERSION
            whole = told["sha256"] == hashlib.sha256(body).hexdigest()
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return body if fits and whole and 0 <= now - saved < self.keep_seconds else None

    def remember(self, question: str, body: bytes, now: float) -> None:
        """Keep an answer, and drop what has expired."""
        head = {"version": _VERSION, "saved": now, "sha256": hashlib.sha256(body).hexdigest()}
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=_UNFINISHED, delete=False) as file:
                try:
                    file.write(json.dumps(head).encode() + b"\n" + body)
                    file.close()
                    os.utime(file.name, (now, now))
                    Path(file.name).replace(self._path(question))
                except OSError:
                    Path(file.name).unlink(missing_ok=True)
                    raise
            self._tidy(now)
        except OSError as error:
            _log.info("answers cannot be remembered in %s: %s", self.folder, error.strerror)

    def _path(self, question: str) -> Path:
        return self.folder / (hashlib.sha256(question.encode()).hexdigest() + _SUFFIX)

    def _tidy(self, now: float) -> None:
        """Remove what is older than answers are kept, and the oldest where there are too many."""
        seen: list[tuple[float, Path]] = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    modified = entry.stat().st_mtime
                    if entry.name.endswith(_SUFFIX):
                        seen.append((modified, Path(entry.path)))
                    elif entry.name.endswith(_UNFINISHED) and time.time() - modified > _ABANDONED_SECONDS:
                        Path(entry.path).unlink()
        seen.sort()
        for position, (modified, path) in enumerate(seen):
            if now - modified > self.keep_seconds or position < len(seen) - _MOST_FILES:
                path.unlink(missing_ok=True)
