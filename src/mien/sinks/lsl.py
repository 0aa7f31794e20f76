"""Snapshots as a stream of the Lab Streaming Layer, beside EEG, gaze and markers; needs the extra ``[lsl]``.

A sample's time stamp is the LSL clock when it is pushed. From a camera that is the end of its step plus the time it
took to read; from a file it says nothing of the film, whose time is in the channel ``media_time``.

LSL encrypts nothing, and delivers only to those who are connected.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, Literal, NamedTuple

from mien import __version__
from mien.core.audience import AudienceSnapshot, Interval, Sink
from mien.core.errors import OutputError, SettingsError
from mien.core.labels import EMOTIONS

Reach = Literal["machine", "network"]

TYPE: Final = "Audience"
"""Content type of the stream, to find it by."""


class Channel(NamedTuple):
    """A channel: its label, its unit, and its value in a snapshot (None when there is none)."""

    label: str
    unit: str
    value: Callable[[AudienceSnapshot], float | None]


def _mean(index: int) -> Channel:
    return Channel(EMOTIONS[index], "points", lambda s: s.emotions.values()[index] if s.emotions else None)


def _bounds(emotion: str) -> tuple[Channel, Channel]:
    def interval(snapshot: AudienceSnapshot) -> Interval | None:
        return getattr(snapshot.intervals, emotion) if snapshot.intervals else None

    return (
        Channel(f"{emotion}_low", "points", lambda s: told.low if (told := interval(s)) else None),
        Channel(f"{emotion}_high", "points", lambda s: told.high if (told := interval(s)) else None),
    )


CHANNELS: Final = (
    Channel("media_time", "seconds", lambda s: s.media_time),
    Channel("duration", "seconds", lambda s: s.duration_seconds),
    Channel("suppressed", "boolean", lambda s: float(s.suppressed)),
    *(_mean(index) for index in range(len(EMOTIONS))),
    Channel("present", "faces", lambda s: s.present),
    Channel("readable", "faces", lambda s: s.readable),
    Channel("tracks", "tracks", lambda s: s.tracks),
    Channel("coverage", "share", lambda s: s.coverage),
    Channel("facing_share", "share", lambda s: s.facing_share),
    Channel("synchrony", "correlation", lambda s: s.synchrony),
    *(channel for emotion in EMOTIONS for channel in _bounds(emotion)),
)
"""``media_time`` is the start of the step; emotions are means over the faces read, 0–100; bounds are a 95 % interval
over people. Of a suppressed step the first three are told. What is missing is NaN."""

_THIS_MACHINE: Final = """\
[multicast]
ResolveScope = machine
ListenAddress = 127.0.0.1
[log]
level = -2
"""
_LOOK_SECONDS: Final = 0.2
_reached: Reach | None = None
"""What liblsl was told in this process: it reads its configuration once."""


def create(name: str, *, reach: Reach = "machine", wait_seconds: float = 0.0, linger_seconds: float = 0.5) -> Sink:
    """A sink that sends one sample a snapshot. Its stream is there from the first snapshot to the end.

    Args:
        name: what the stream is called; one of composed frames is called ``DEMO`` and its name.
        reach: ``machine`` announces it to programs on this machine; ``network`` as liblsl's own configuration says,
            which without one is the local network.
        wait_seconds: how long the first snapshot waits for somebody to connect, at most.
        linger_seconds: how long the end waits for what was sent to arrive, where somebody is connected.

    Raises:
        SettingsError: pylsl or the library it needs is missing, the name is no name, or this process has opened a
            stream with another reach.
        OutputError: later, the stream cannot be opened or written.
    """
    if not name.strip() or not name.isprintable():
        raise SettingsError(f"a stream needs a name of printable characters, got {name!r}.")
    lsl = load_library()
    _configure(lsl, reach)
    return _Outlet(lsl, name, wait_seconds, linger_seconds)


def load_library() -> ModuleType:
    """The package pylsl with its library.

    Raises:
        SettingsError: either is missing; the message says how to get it.
    """
    try:
        return importlib.import_module("pylsl")
    except ImportError as error:
        raise SettingsError("a stream of the Lab Streaming Layer needs pylsl: pip install 'mien[lsl]'") from error
    except (RuntimeError, OSError) as error:
        # On platforms that pylsl's wheels bring no library for.
        raise SettingsError(
            "pylsl is installed, but not the library liblsl that it needs: install liblsl for your system "
            "(https://github.com/sccn/liblsl/releases, or 'conda install -c conda-forge liblsl') and, if it lies in an "
            "unusual place, set PYLSL_LIB to its file."
        ) from error


def _configure(lsl: ModuleType, reach: Reach) -> None:
    global _reached
    if _reached is None and reach == "machine":
        lsl.set_config_content(_THIS_MACHINE)
    elif _reached not in (None, reach):
        raise SettingsError(
            f"this process has opened a stream that reaches the {_reached}, and liblsl knows one reach a process."
        )
    _reached = reach


class _Outlet:
    def __init__(self, lsl: ModuleType, name: str, wait_seconds: float, linger_seconds: float) -> None:
        self._lsl = lsl
        self._name = name
        self._wait_seconds = wait_seconds
        self._linger_seconds = linger_seconds
        self._outlet: Any = None
        self._closed = False

    def write(self, snapshot: AudienceSnapshot) -> None:
        """Send the snapshot's sample; the first opens the stream."""
        if self._closed:
            return
        values = (channel.value(snapshot) for channel in CHANNELS)
        sample = [math.nan if value is None else float(value) for value in values]
        try:
            if self._outlet is None:
                self._outlet = self._lsl.StreamOutlet(self._described(snapshot))
                self._wait()
            self._outlet.push_sample(sample)
        except RuntimeError as error:
            raise OutputError(
                f"the stream {self._name!r} of the Lab Streaming Layer cannot be written: {error}. Are its ports "
                "(16572 to 16604) taken?"
            ) from error

    def close(self, *, complete: bool) -> None:
        """End the stream; called twice, it does nothing the second time."""
        self._closed = True
        if self._outlet is None:
            return
        # An outlet that is destroyed drops what is under way.
        if self._outlet.have_consumers():
            time.sleep(self._linger_seconds)
        self._outlet = None

    def _wait(self) -> None:
        # In short turns: nothing interrupts the library's own waiting.
        until = time.monotonic() + self._wait_seconds
        while (left := until - time.monotonic()) > 0 and not self._outlet.wait_for_consumers(min(left, _LOOK_SECONDS)):
            pass

    def _described(self, snapshot: AudienceSnapshot) -> Any:
        name = f"DEMO {self._name}" if snapshot.demo else self._name
        rate, double = self._lsl.IRREGULAR_RATE, self._lsl.cf_double64
        info = self._lsl.StreamInfo(name, TYPE, len(CHANNELS), rate, double, f"mien-{snapshot.session_id}")
        description = info.desc()
        channels = description.append_child("channels")
        for channel in CHANNELS:
            element = channels.append_child("channel")
            element.append_child_value("label", channel.label)
            element.append_child_value("unit", channel.unit)
            element.append_child_value("type", TYPE)
        acquisition = description.append_child("acquisition")
        acquisition.append_child_value("manufacturer", "Mien")
        acquisition.append_child_value("model", __version__)
        session = description.append_child("mien")
        told = {
            "schema_version": str(snapshot.schema_version),
            "session_id": snapshot.session_id,
            "source": snapshot.source,
            "zone": snapshot.zone,
            "demo": "true" if snapshot.demo else "false",
        }
        for key, value in told.items():
            session.append_child_value(key, value)
        if snapshot.demo:
            session.append_child_value("note", "DEMO: composed frames, nobody was filmed")
        return info
