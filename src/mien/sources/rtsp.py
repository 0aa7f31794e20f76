"""Network cameras: ``rtsp://`` and, encrypted, ``rtsps://``, through PyAV (FFmpeg), over TCP.

User and password stand in the address or, where others can see a command line, in ``MIEN_CAMERA_LOGIN``. They go to the
camera and nowhere else: a source is called by host and path, and no error holds the address it was given.

A certificate is checked, against the machine's authorities or the file that ``MIEN_CAMERA_CA`` names, which may hold a
camera's own.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import av
import numpy as np

from mien.core.errors import DeviceError, MediaTooLargeError, SettingsError
from mien.core.faces import SourceInfo, UInt8Array
from mien.core.settings import SamplingSettings
from mien.sources._address import RTSP_SCHEMES, told_name
from mien.sources._live import SILENCE_SECONDS, LiveSource
from mien.sources._sampling import refuse_too_large

LOGIN_VARIABLE: Final = "MIEN_CAMERA_LOGIN"
AUTHORITY_VARIABLE: Final = "MIEN_CAMERA_CA"
OPEN_SECONDS: Final = 10.0
_ANALYSE_MICROSECONDS: Final = 200_000
"""What a camera sends first is looked at for no longer: it has said before what it sends."""
_PROTOCOLS: Final = "rtsp,rtp,tcp,tls"
"""What a camera may lead to: a redirection to a file or a web page is refused."""


def accepts(locator: str) -> bool:
    """``rtsp://`` or ``rtsps://``, a host, and a path."""
    return locator.lower().startswith(RTSP_SCHEMES)


def create(locator: str, sampling: SamplingSettings) -> RtspSource:
    """The camera at an address.

    Raises:
        SettingsError: the address, or what the environment says, makes no sense.
        DeviceError: nobody answers there, or not with moving pictures.
    """
    return RtspSource(locator, sampling)


class RtspSource(LiveSource):
    """Live frames of a network camera; iterating ends when it is lost or the source is closed.

    Args:
        locator: its address.
        sampling: which frames to read, and the largest pictures to decode.
        open_seconds: how long it may take to answer.
        silence_seconds: how long it may give nothing before it is taken for lost.
        environment: where login and authorities are looked up.

    Raises:
        SettingsError: the address, or what the environment says, makes no sense.
        DeviceError: nobody answers there, or not with moving pictures.
    """

    def __init__(
        self,
        locator: str,
        sampling: SamplingSettings,
        *,
        open_seconds: float = OPEN_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        name = told_name(locator)
        device = _Stream(
            _with_login(locator, name, environment),
            name,
            _options(locator, name, environment),
            sampling,
            (open_seconds, silence_seconds),
        )
        super().__init__(SourceInfo(name=name, kind="rtsp"), device, sampling, silence_seconds=silence_seconds)


class _Stream:
    """An open stream, one picture at a time."""

    def __init__(
        self,
        address: str,
        name: str,
        options: dict[str, str],
        sampling: SamplingSettings,
        seconds: tuple[float, float],
    ) -> None:
        self._name = name
        self._sampling = sampling
        begun = time.monotonic()
        try:
            self._container = av.open(address, format="rtsp", options=options, timeout=seconds)
        except (OSError, ValueError, av.FFmpegError) as error:
            # FFmpeg's own words hold the address with its password.
            raise DeviceError(_refusal(name, error, late=time.monotonic() - begun >= seconds[0])) from None
        if not self._container.streams.video:
            self._container.close()
            raise DeviceError(f"{name} sends no pictures. Check the path of its video stream.")
        self._video = self._container.streams.video[0]
        self._video.codec_context.thread_count = 1
        try:
            refuse_too_large(name, self._video.width, self._video.height, None, sampling)
        except MediaTooLargeError:
            self._container.close()
            raise
        self._packets = self._container.demux(self._video)
        self._waiting: list[av.VideoFrame] = []

    def read(self) -> UInt8Array | None:
        while not self._waiting:
            try:
                packet = next(self._packets)
            except (StopIteration, OSError, ValueError, av.FFmpegError):
                return None
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                # Pictures that arrive damaged are left out; where only such come, the silence ends the source.
                continue
            self._waiting = [frame for frame in decoded if not frame.is_corrupt]
        frame = self._waiting.pop(0)
        try:
            refuse_too_large(self._name, frame.width, frame.height, None, self._sampling)
        except MediaTooLargeError:
            return None
        return np.ascontiguousarray(frame.to_ndarray(format="rgb24", threads=1), np.uint8)

    def release(self) -> None:
        self._container.close()


def _with_login(locator: str, name: str, environment: Mapping[str, str]) -> str:
    """The address with the login of the environment, where it has none of its own."""
    try:
        parts = urlsplit(locator)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise SettingsError(f"{name} has a host or port that there is not: write rtsp://HOST:PORT/PATH.") from None
    if not parts.hostname:
        raise SettingsError(f"{name} names no host: write rtsp://HOST/PATH.")
    login = environment.get(LOGIN_VARIABLE, "")
    if "@" in parts.netloc or not login:
        return locator
    user, colon, password = login.partition(":")
    if not (user and colon):
        raise SettingsError(f"{LOGIN_VARIABLE} is not of the form USER:PASSWORD.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    told = f"{quote(user, safe='')}:{quote(password, safe='')}@{host}{port}"
    return urlunsplit((parts.scheme, told, parts.path, parts.query, ""))


def _options(locator: str, name: str, environment: Mapping[str, str]) -> dict[str, str]:
    options = {
        "rtsp_transport": "tcp",
        "allowed_media_types": "video",
        "protocol_whitelist": _PROTOCOLS,
        "fflags": "nobuffer",
        "flags": "low_delay",
        "analyzeduration": str(_ANALYSE_MICROSECONDS),
    }
    if not locator.lower().startswith("rtsps://"):
        return options
    named = environment.get(AUTHORITY_VARIABLE)
    authorities = named or ssl.get_default_verify_paths().cafile
    if named and not Path(named).is_file():
        raise SettingsError(f"there is no file {named}, which {AUTHORITY_VARIABLE} names.")
    if authorities is None:
        raise SettingsError(
            f"this machine has no file of authorities to check the certificate of {name} against: name one in "
            f"{AUTHORITY_VARIABLE}."
        )
    return {**options, "tls_verify": "1", "ca_file": authorities}


def _refusal(name: str, error: Exception, *, late: bool) -> str:
    if isinstance(error, av.HTTPUnauthorizedError):
        return f"{name} wants a user and password, or others than those: put them into {LOGIN_VARIABLE}=USER:PASSWORD."
    if isinstance(error, av.HTTPNotFoundError):
        return f"{name} does not exist on that camera. Check the path."
    if isinstance(error, ConnectionRefusedError):
        return f"nobody answers at {name}. Check host and port, and whether the camera is on."
    if late or isinstance(error, av.ExitError | TimeoutError):
        return f"{name} does not answer in time. Check the network, and whether the camera is on."
    why = str(getattr(error, "strerror", None) or type(error).__name__)
    hint = ""
    if name.startswith("rtsps://"):
        hint = f" Its certificate may not be valid for that name: {AUTHORITY_VARIABLE} names a file with its own."
    return f"{name} cannot be opened: {why}.{hint}"
