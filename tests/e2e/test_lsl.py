"""An analysis sent as a Lab Streaming Layer stream, received by another process on this machine."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mien.sinks.lsl import create
from tests.e2e.support import mien
from tests.sinks.receivers import LslReceiver, Told

ONLY_THIS_MACHINE = "[multicast]\nResolveScope = machine\nListenAddress = 127.0.0.1\n[log]\nlevel = -2\n"


def sent(clip: Path, out: Path, *options: str, configuration: Path | None = None) -> tuple[list[Told], LslReceiver]:
    """What arrives of an analysis of ``clip``."""
    receiver = LslReceiver()
    create(receiver.target)  # Keeps this process's end of the library to this machine.
    command = ("analyze", clip, "--out", out, "--lsl", receiver.target, "--lsl-wait", 30, "--sample-hz", 4, "--quiet")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(lambda: mien(*command, *options, LSLAPICFG=str(configuration or "")))
        receiver.listen()
        done = running.result()
    told = receiver.received()
    assert (done.returncode, done.stderr) == (0, "")
    return told, receiver


def rows(out: Path) -> list[Mapping[str, str]]:
    with (out / "timeline.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("own_configuration", [False, True])
def test_the_stream_tells_the_timeline(shared: Path, tmp_path: Path, own_configuration: bool) -> None:
    """Under ``--lsl-network`` liblsl's own configuration counts: here one that keeps to this machine as well."""
    (tmp_path / "lsl_api.cfg").write_text(ONLY_THIS_MACHINE)
    network = ("--lsl-network",) if own_configuration else ()
    clip = shared / "data" / "clips" / "face_noface.mov"
    told, receiver = sent(clip, tmp_path / "out", *network, configuration=tmp_path / "lsl_api.cfg")
    timeline = rows(tmp_path / "out")
    assert len(told) == len(timeline) > 5
    for one, row in zip(told, timeline, strict=True):
        assert one["media_time"] == pytest.approx(float(row["media_time_seconds"]), abs=1e-6)
        assert ("happiness" in one) == bool(row["happiness_percent"])
        if "happiness" in one:
            assert one["happiness"] == pytest.approx(float(row["happiness_percent"]), abs=1e-3)
            assert one["coverage"] == pytest.approx(float(row["coverage_share"]), abs=1e-3)
    # The face leaves: those steps hold a time and no emotion, and that is no zero.
    assert any("happiness" in one for one in told)
    assert any("happiness" not in one for one in told)
    assert all(not math.isnan(value) for one in told for value in one.values())
    assert clip.name not in receiver.xml


def test_too_small_a_group_is_told_as_suppressed(shared: Path, tmp_path: Path) -> None:
    clip = shared / "data" / "clips" / "face_noface.mov"
    told, _ = sent(clip, tmp_path / "out", "--min-group", "5", "--purpose", "audience_research")
    assert told
    assert all(set(one) == {"media_time", "duration", "suppressed"} and one["suppressed"] == 1 for one in told)


def test_a_live_session_is_sent_while_it_runs(shared: Path, tmp_path: Path) -> None:
    """Played at its own speed, so a listener that looks from the beginning is there before the end."""
    receiver = LslReceiver()
    create(receiver.target)
    clip = shared / "data" / "clips" / "WolfgangLanger_Pexels.mp4"
    receiver.listen()
    done = mien("live", clip, "--lsl", receiver.target, "--record", tmp_path / "out", "--quiet")
    told = receiver.received()
    assert (done.returncode, done.stderr) == (0, "")
    stamps = [stamp for _, stamp in receiver.samples]
    times = [one["media_time"] for one in told]
    assert len(told) > 3
    # A machine that is busy with something else may leave a step without a look at the face.
    timeline = rows(tmp_path / "out")
    recorded = {round(float(row["media_time_seconds"]), 3): bool(row["happiness_percent"]) for row in timeline}
    assert [recorded[round(time, 3)] for time in times] == ["happiness" in one for one in told]
    assert any("happiness" in one for one in told)
    # Stamps keep step with what is filmed.
    assert stamps[-1] - stamps[0] == pytest.approx(times[-1] - times[0], abs=2.0)


def test_options_of_a_stream_need_one(tmp_path: Path) -> None:
    for options in (
        ("analyze", "--out", tmp_path / "out", "--lsl-network"),
        ("analyze", "--out", tmp_path / "out", "--lsl-wait", 3),
        ("live", "--lsl-network"),
    ):
        done = mien(options[0], "talk.mp4", *options[1:])
        assert done.returncode == 2
        assert "--lsl NAME" in done.stderr
