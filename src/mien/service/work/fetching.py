"""``python -m mien.service.work.fetching`` has the networks' weights here before a confined process needs them.

Those processes reach no network, and are told of no proxy, whose address may hold a password.
"""

from __future__ import annotations

import contextlib

from mien.core.errors import MienError


def fetch_weights() -> None:
    """Fetch what is missing. Where it cannot be had, whoever needs it says so."""
    from mien.assembly import load_detector
    from mien.core.settings import DetectionSettings, InferenceSettings

    with contextlib.suppress(MienError):
        load_detector(None, DetectionSettings(), InferenceSettings())


if __name__ == "__main__":
    fetch_weights()
