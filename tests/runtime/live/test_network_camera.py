"""A network camera through a live session: what it does wrong costs the time it was gone, which the timeline shows."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest

from mien.core.audience import Analysis
from mien.core.settings import SamplingSettings
from mien.core.status import Status
from mien.report.document import build_findings
from mien.runtime.live.cameras import LiveCamera
from mien.runtime.live.capture import CaptureOptions
from mien.runtime.live.pace import Cadence
from mien.runtime.live.session import LiveSession, Watched
from mien.sources import open_source, told_name
from tests.runtime.live.parts import PERMITTED, even_networks, hasty
from tests.sources.rtsp_server import RtspCamera, Script, encode, pictures

USER, PASSWORD = "hidden-user", "hidden-password"


def run(
    camera: RtspCamera, meanwhile: Callable[[], None], until: Callable[[float], bool], workers: str = "thread"
) -> tuple[Analysis, list[str]]:
    """A session with a camera until something holds of the media time reached; what it said."""
    url = camera.url(f"{USER}:{PASSWORD}")
    notes: list[str] = []
    reached = [0.0]

    def told(status: Status) -> None:
        notes.extend(status.notes)
        reached[0] = status.media_time

    live = LiveCamera(
        told_name(url), partial(open_source, url, SamplingSettings()), CaptureOptions(keeps_latest=True), is_live=True
    )
    options = hasty(workers=workers, fixed=Cadence(1, None))
    session = LiveSession([Watched(live)], PERMITTED, even_networks, options=options)
    beside = threading.Thread(target=meanwhile, daemon=True)
    beside.start()
    ends = time.monotonic() + 40
    analysis = session.run(told, lambda: until(reached[0]) or time.monotonic() > ends)
    beside.join(5)
    return analysis, notes


def gap_seconds(analysis: Analysis) -> float:
    """Longest stretch of the timeline between two steps that were seen."""
    seen = [s for s in analysis.timeline.snapshots if s.frames]
    return max(after.media_time - before.end_time for before, after in pairwise(seen))


@pytest.fixture(scope="module")
def shot() -> list[list[bytes]]:
    return encode(pictures(160, 120, 20), 20)


@pytest.mark.parametrize("workers", ["thread", "process"])
def test_unplugged_and_plugged_in_again_it_loses_the_gap_only(shot: list[list[bytes]], workers: str) -> None:
    back = threading.Event()

    with RtspCamera(Script((shot,), credentials=(USER, PASSWORD))) as camera:

        def meanwhile() -> None:
            while not any(request.startswith("PLAY") for request in camera.requests):
                time.sleep(0.05)
            time.sleep(3.0)
            camera.unplug()
            time.sleep(2.5)
            camera.plug_in()
            back.set()

        analysis, notes = run(camera, meanwhile, lambda reached: back.is_set() and reached > 9.0, workers)
    assert 2.0 <= gap_seconds(analysis) <= 6.0
    seen = [s.media_time for s in analysis.timeline.snapshots if s.frames]
    assert seen[0] < 1.5
    assert seen[-1] > 7.0
    assert any("opened again" in note for note in notes)


def test_a_camera_that_freezes_is_opened_again(shot: list[list[bytes]]) -> None:
    with RtspCamera(Script((shot,), freezes_after=40)) as camera:
        analysis, notes = run(camera, lambda: None, lambda reached: reached > 7.0)
        assert sum(request.startswith("PLAY") for request in camera.requests) >= 2
    assert any("gave no frame" in note for note in notes)
    assert gap_seconds(analysis) >= 0.5


def test_no_report_note_or_log_holds_the_login(
    shot: list[list[bytes]], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    from datetime import UTC, datetime

    caplog.set_level(logging.DEBUG)
    with RtspCamera(Script((shot,), ends_after=30, credentials=(USER, PASSWORD))) as camera:
        analysis, notes = run(camera, lambda: None, lambda reached: reached > 4.0)
    report = build_findings(analysis, datetime.now(UTC)).model_dump_json()
    printed = capfd.readouterr()
    told = "\n".join([report, *notes, caplog.text, printed.out, printed.err, repr(analysis.provenance)])
    assert "rtsp://localhost" in told
    assert USER not in told
    assert PASSWORD not in told
