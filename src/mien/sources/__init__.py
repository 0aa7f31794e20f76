"""Where frames come from, one kind a file; a file's name is its backend's name (see ``core/plugins.py``).

Each plug-in says which locators it accepts (``accepts(locator)``) and opens one (``create(locator, sampling)``).
"""

from __future__ import annotations

from pathlib import Path

from mien.core import plugins
from mien.core.errors import InputError
from mien.core.faces import FrameSource
from mien.core.settings import SamplingSettings
from mien.sources._address import is_live, told_name

__all__ = ["is_live", "open_handle", "open_source", "told_name"]

LAST_RESORT = "file"
"""Takes every path that no other plug-in accepts."""


def open_source(locator: str, sampling: SamplingSettings) -> FrameSource:
    """The source behind a locator: a path, ``camera:0``, ``rtsp://host/path``, ``synthetic:hall.yaml``.

    Raises:
        InputError: there is no such file.
        UnsupportedMediaError: it holds no pictures.
        MediaTooLargeError: it declares more pixels than the settings allow.
        DeviceError: a camera cannot be opened.
    """
    for name in (*(n for n in plugins.available("sources") if n != LAST_RESORT), LAST_RESORT):
        module = plugins.load("sources", name)
        if module.accepts(locator):
            source: FrameSource = module.create(locator, sampling)
            return source
    if "://" in locator:
        raise InputError(
            f"{told_name(locator)} is an address, and nothing is fetched from one but cameras (rtsp, rtsps). Download "
            "it, then give the file."
        )
    if not Path(locator).exists():
        raise InputError(f"no such file: {locator}. Check the path, or name a camera as 'camera:0'.")
    raise InputError(f"{locator} is neither a file nor a folder that can be read.")


def open_handle(handle: int, sampling: SamplingSettings) -> FrameSource:
    """The picture or the recording that somebody sent, told by its content (:mod:`mien.sources._encoded`; Linux).

    Args:
        handle: descriptor of the open file that holds it, which need not have a name and stays the caller's.
        sampling: which frames to read, and the largest pictures to decode.

    Raises:
        UnsupportedMediaError: it is none that is read, or damaged.
        MediaTooLargeError: its header declares too many pixels.
    """
    from mien.sources import _encoded

    return _encoded.open_handle(handle, sampling)
