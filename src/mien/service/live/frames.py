"""Frames that a browser sends: read one after the other by a thread of their own, then forgotten."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mien.core.errors import UnsupportedMediaError
from mien.core.policy import Declaration, authorise
from mien.core.settings import InferenceSettings
from mien.service.live.session_settings import profile_of
from mien.store.records import SessionRecord
from mien.streams.errors import StreamFullError

if TYPE_CHECKING:
    # Networks and pictures are imported with the first frame: most processes never see one.
    from mien.pipeline import Pipeline
    from mien.runtime.pushed import Pushed, PushedFrames

T = TypeVar("T")

FRAMES_PER_SECOND: Final = 15.0
_BURST: Final = 2.0
"""Frames that may come together where a network held them up."""
_HEAD: Final = struct.Struct("<d")
_DATA_URI: Final = "data:image/jpeg;base64,"
LONGEST_MESSAGE: Final = 700_000
"""Characters or bytes: the largest frame that is read (``PushLimits``) in base64, and what stands around it."""


@dataclass(frozen=True, slots=True)
class SentFrame:
    """One frame as it came.

    Attributes:
        jpeg: its bytes.
        media_time: seconds; None where the sender leaves it to the clock.
    """

    jpeg: bytes
    media_time: float | None


def parsed(message: str | bytes) -> SentFrame:
    """A message of either form.

    Args:
        message: bytes: media time as a little-endian double, then the JPEG. Text: ``{"frame": base64, "media_time":
            seconds}``, or the base64 alone; with or without the head of a data URI.

    Raises:
        UnsupportedMediaError: it is neither.
    """
    if isinstance(message, bytes):
        if len(message) <= _HEAD.size:
            raise UnsupportedMediaError("a message of bytes is a media time of eight bytes and a JPEG.")
        return SentFrame(message[_HEAD.size :], float(_HEAD.unpack_from(message)[0]))
    text, media_time = message, None
    if message.lstrip()[:1] == "{":
        try:
            told = json.loads(message)
            text, media_time = told["frame"], told.get("media_time")
            media_time = float(media_time) if type(media_time) is int else media_time
        except (ValueError, KeyError, OverflowError, RecursionError) as error:
            raise UnsupportedMediaError('a message of text is {"frame": base64, "media_time": seconds}.') from error
        if not isinstance(text, str) or isinstance(media_time, bool) or not isinstance(media_time, int | float | None):
            raise UnsupportedMediaError('a message of text is {"frame": base64, "media_time": seconds}.')
    try:
        jpeg = base64.b64decode(text.strip().removeprefix(_DATA_URI), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnsupportedMediaError("the frame is no base64.") from error
    return SentFrame(jpeg, None if media_time is None else float(media_time))


class Pace:
    """Fifteen frames a second, however they come: what comes faster is left out.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left, self._at = _BURST, clock()

    def admits(self) -> bool:
        """Whether a frame that comes now is read."""
        now = self._clock()
        self._left, self._at = min(_BURST, self._left + (now - self._at) * FRAMES_PER_SECOND), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """How frames are read.

    Attributes:
        senders: at once, in this process.
    """

    senders: int = 8


class FrameReader:
    """Reads frames of all senders of a process, one at a time; networks are opened once.

    Args:
        options: how.
    """

    def __init__(self, options: ReaderOptions | None = None) -> None:
        self._options = options or ReaderOptions()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mien-frames")
        self._opened: dict[str, Pipeline] = {}
        self._senders = 0

    async def begin(self, session: SessionRecord, source: str) -> PushedFrames:
        """A sender's frames; hand it to :meth:`end` when it goes.

        Raises:
            StreamFullError: too many send already.
            PolicyError: what the session declared does not permit it any more.
            WeightsError: the networks cannot be had.
        """
        if self._senders >= self._options.senders:
            raise StreamFullError("as many send frames as can be read here: try again later, or at another process.")
        self._senders += 1
        try:
            return await self._run(lambda: self._begun(session, source))
        except BaseException:
            self._senders -= 1
            raise

    async def read(self, frames: PushedFrames, sent: SentFrame, media_time: float) -> Pushed:
        """One frame.

        Raises:
            InputError: it cannot be read.
        """
        return await self._run(lambda: frames.push_encoded(sent.jpeg, media_time))

    async def end(self, frames: PushedFrames) -> tuple[Any, ...]:
        """A sender has gone: the snapshots of the step that was open."""
        self._senders -= 1
        return await self._run(frames.finish)

    def close(self) -> None:
        """Read no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _begun(self, session: SessionRecord, source: str) -> PushedFrames:
        from mien.runtime.pushed import PushedFrames

        return PushedFrames(self._pipeline(session), str(session.id), source=source)

    def _pipeline(self, session: SessionRecord) -> Pipeline:
        from mien.assembly import Choices, assemble
        from mien.pipeline import Pipeline

        profile = profile_of(session)
        declared = Declaration(session.purpose, session.basis, session.jurisdiction, session.exception)
        opened = self._opened.get(profile.name)
        if opened is None:
            opened = assemble(profile, declared, Choices(), InferenceSettings()).pipeline
            self._opened[profile.name] = opened
        grant = authorise(declared, profile)
        return Pipeline(opened.detector, opened.classifier, profile, grant, opened.head_pose, opened.fallback)


def answer(pushed: Pushed, media_time: float) -> str:
    """What the sender is told of a frame; ``faces`` is null where single people may not be shown."""
    faces = None if pushed.faces is None else [asdict(face) for face in pushed.faces]
    return json.dumps({"type": "frame", "media_time": media_time, "faces": faces})
