"""The annotated video: exact times, the source's sound, and that it plays."""

from __future__ import annotations

import functools
import http.server
import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.audio.stream import AudioStream

from mien.core.errors import OutputError
from mien.core.faces import Frame
from mien.core.labels import FERPLUS8
from mien.report.annotated_video import AnnotatedVideo
from mien.report.overlay import Overlay
from mien.report.palette import COLOURS
from tests.report.readings import face, picture, reading
from tests.visits import Visits, until

RATE = 48_000


def filmed(path: Path, times: Sequence[float], source: Path | None = None, size: tuple[int, int] = (320, 180)) -> Path:
    """An annotated video of frames at ``times``, each a bit brighter than the last."""
    video = AnnotatedVideo(path, source, 25.0, Overlay(FERPLUS8))
    for index, at in enumerate(times):
        frame = Frame(picture(*size, level=40 + index % 128), index, at)
        video.observe(frame, reading(face("happiness", box=(100, 60, 160, 130)), at=at, index=index))
    video.close(complete=True)
    return path


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def clip_with_sound(path: Path, codec: str, *, seconds: float = 4.0, beep_at: float = 2.0, start: float = 0.0) -> Path:
    """A file with a grey picture and a beep of a fifth of a second."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        sound = output.add_stream(codec, rate=RATE, layout="mono")
        assert isinstance(sound, AudioStream)
        wave = np.zeros(int(seconds * RATE), np.float32)
        beep = np.arange(RATE // 5)
        wave[int(beep_at * RATE) :][: len(beep)] = 0.5 * np.sin(beep * (2 * np.pi * 440 / RATE))
        for index in range(int(seconds * 25)):
            still = av.VideoFrame.from_ndarray(picture(64, 64), format="rgb24")
            still.pts, still.time_base = index + round(start * 25), Fraction(1, 25)
            output.mux(video.encode(still))
        output.mux(video.encode(None))
        for begin in range(0, len(wave), 1024):
            part = av.AudioFrame.from_ndarray(wave[None, begin : begin + 1024], format="fltp", layout="mono")
            part.sample_rate, part.pts, part.time_base = RATE, begin + round(start * RATE), Fraction(1, RATE)
            resampled = av.AudioResampler(sound.format, "mono", RATE).resample(part)
            for piece in resampled:
                output.mux(sound.encode(piece))
        output.mux(sound.encode(None))
    return path


def loudness(path: Path) -> tuple[npt.NDArray[np.float64], float, str]:
    """Times at which the sound is loud, when it ends, and its codec."""
    with av.open(str(path)) as container:
        codec = container.streams.audio[0].codec_context.codec.canonical_name
        resampler = av.AudioResampler("fltp", "mono", RATE)
        loud: list[float] = []
        end = 0.0
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                samples = part.to_ndarray()[0]
                at = (part.time or 0.0) + np.arange(len(samples)) / RATE
                loud.extend(at[np.abs(samples) > 0.1])
                end = float(at[-1])
    return np.array(loud), end, codec


def test_times_are_exact_on_variable_frame_rates(tmp_path: Path) -> None:
    steps = np.tile([1 / 25, 1001 / 30000, 0.5, 0.011, 1 / 15], 12)
    times = np.concatenate([[0.0], np.cumsum(steps)]).tolist()
    decoded = times_of(filmed(tmp_path / "a.mp4", times))
    assert len(decoded) == len(times)
    assert np.abs(np.subtract(decoded, times)).max() < 1e-5


def test_a_first_frame_after_zero_stays_there(tmp_path: Path) -> None:
    times = [2.0 + i / 25 for i in range(30)]
    assert np.abs(np.subtract(times_of(filmed(tmp_path / "a.mp4", times)), times)).max() < 1e-5


def test_frames_that_share_a_time_are_all_kept(tmp_path: Path) -> None:
    decoded = times_of(filmed(tmp_path / "a.mp4", [0.0, 0.0, 0.0, 1.0]))
    assert len(decoded) == 4
    assert all(a < b for a, b in itertools.pairwise(decoded))


def test_it_is_what_browsers_play(tmp_path: Path) -> None:
    path = filmed(tmp_path / "a.mp4", [i / 25 for i in range(50)], size=(321, 181))
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "the index comes first"
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", 322, 182)
        assert float(container.duration or 0) / av.time_base == pytest.approx(2.0, abs=0.002)


def test_the_overlay_is_on_every_frame_in_its_colours(tmp_path: Path) -> None:
    path = filmed(tmp_path / "a.mp4", [i / 25 for i in range(20)])
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            image = frame.to_ndarray(format="rgb24", src_colorspace="itu709").astype(int)
            plate = np.abs(image[44:58, 101:150] - COLOURS["happiness"]).max(axis=2)
            assert (plate < 40).mean() > 0.4


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    times = [i / 25 for i in range(40)]
    first, second = (filmed(tmp_path / name, times).read_bytes() for name in ("a.mp4", "b.mp4"))
    assert first == second


@pytest.mark.parametrize(
    ("name", "codec", "kept_as"),
    [
        ("clip.mp4", "aac", "aac"),
        ("clip.mov", "aac", "aac"),
        ("clip.ts", "aac", "aac"),
        ("clip.mkv", "libmp3lame", "mp3"),
        ("clip.mkv", "libopus", "aac"),
        ("clip.mov", "pcm_s16le", "aac"),
        ("clip.mkv", "flac", "aac"),
    ],
)
def test_the_sound_is_kept_in_step(tmp_path: Path, name: str, codec: str, kept_as: str) -> None:
    source = clip_with_sound(tmp_path / name, codec)
    path = filmed(tmp_path / "a.mp4", [i / 25 for i in range(100)], source)
    loud, end, found = loudness(path)
    assert found == kept_as
    assert loud.min() == pytest.approx(2.0, abs=0.04)
    assert loud.max() == pytest.approx(2.2, abs=0.04)
    assert end == pytest.approx(4.0, abs=0.08)


def test_the_sound_stays_in_step_where_the_media_does_not_start_at_zero(tmp_path: Path) -> None:
    source = clip_with_sound(tmp_path / "clip.mkv", "libopus", start=3.0)
    loud, _, _ = loudness(filmed(tmp_path / "a.mp4", [i / 25 for i in range(100)], source))
    assert loud.min() == pytest.approx(2.0, abs=0.04)


def test_an_interrupted_run_leaves_a_playable_file_of_what_was_seen(tmp_path: Path) -> None:
    source = clip_with_sound(tmp_path / "clip.mp4", "aac")
    path = tmp_path / "a.mp4"
    video = AnnotatedVideo(path, source, 25.0, Overlay(FERPLUS8))
    for index in range(60):
        video.observe(Frame(picture(320, 180), index, index / 25), reading(at=index / 25))
    assert not path.exists()
    video.close(complete=False)
    assert len(times_of(path)) == 60
    _, end, _ = loudness(path)
    assert end == pytest.approx(2.4, abs=0.06)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "clip.mp4"]


def test_damaged_sound_ends_early_and_the_video_does_not(tmp_path: Path) -> None:
    whole = clip_with_sound(tmp_path / "clip.mkv", "libopus")
    source = tmp_path / "cut.mkv"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert len(times_of(filmed(tmp_path / "a.mp4", [i / 25 for i in range(100)], source))) == 100


def test_a_source_without_sound_gives_a_silent_video(tmp_path: Path) -> None:
    silent = filmed(tmp_path / "silent.mp4", [0.0, 0.04])
    with av.open(str(filmed(tmp_path / "a.mp4", [0.0, 0.04], silent))) as container:
        assert not container.streams.audio


def test_frames_that_change_size_are_fitted_to_the_first(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "a.mp4", None, None, Overlay(FERPLUS8))
    for index, size in enumerate([(320, 180), (640, 360), (180, 320), (100, 30)]):
        video.observe(Frame(picture(*size, level=200), index, index / 5), reading(at=index / 5))
    video.close(complete=True)
    with av.open(str(tmp_path / "a.mp4")) as container:
        images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert {image.shape for image in images} == {(180, 320, 3)}
    assert images[1][100:].min() > 170, "the same shape fills the picture"
    assert images[2][100:, :90].max() < 60, "a narrow one is centred on black"
    assert images[2][100:, 130:190].min() > 170


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    video = AnnotatedVideo(tmp_path / "a.mp4", None, 25.0, Overlay(FERPLUS8))
    video.close(complete=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("closed", [False, True])
def test_discarding_leaves_nothing(tmp_path: Path, closed: bool) -> None:
    video = AnnotatedVideo(tmp_path / "a.mp4", None, 25.0, Overlay(FERPLUS8))
    video.observe(Frame(picture(), 0, 0.0), reading())
    if closed:
        video.close(complete=False)
    video.discard()
    video.close(complete=False)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_told_before_the_analysis(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*a\.mp4: No such file or directory"):
        AnnotatedVideo(tmp_path / "absent" / "a.mp4", None, 25.0, Overlay(FERPLUS8))


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from tests.report.readings import reading
from mien.core.errors import OutputError
from mien.core.faces import Frame
from mien.core.labels import FERPLUS8
from mien.report.annotated_video import AnnotatedVideo
from mien.report.overlay import Overlay

folder = Path(sys.argv[1])
video = AnnotatedVideo(folder / "a.mp4", None, 25.0, Overlay(FERPLUS8))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
noise = np.random.default_rng(0)
try:
    for index in range(60):
        image = noise.integers(0, 255, (180, 320, 3), np.uint8)
        video.observe(Frame(image, index, index / 25), reading(at=index / 25))
    video.close(complete=True)
except OutputError as error:
    video.close(complete=False)
    sys.exit(f"{error}" if not list(folder.iterdir()) else "left something")
"""


@pytest.mark.parametrize("limit", [0, 100_000, 400_000])
def test_a_file_that_cannot_grow_is_an_error_and_leaves_nothing(tmp_path: Path, limit: int) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(limit)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "a.mp4: File too large" in ran.stderr


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """An address at which a browser finds the folder."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_it_plays_in_chromium(tmp_path: Path, served: str, visits: Visits) -> None:
    source = clip_with_sound(tmp_path / "clip.mkv", "libopus")
    filmed(tmp_path / "a.mp4", [i / 25 for i in range(100)], source)
    (tmp_path / "page.html").write_text("<!doctype html><link rel=icon href='data:,'><video muted src='a.mp4'></video>")
    page = visits.open(f"{served}/page.html")
    until(page, "document.querySelector('video').readyState >= 3")
    told = page.evaluate("(v => [v.duration, v.videoWidth, v.videoHeight])(document.querySelector('video'))")
    page.evaluate("document.querySelector('video').play()")
    until(page, "document.querySelector('video').currentTime > 0.5")
    failed = page.evaluate("document.querySelector('video').error")
    assert told == [pytest.approx(4.0, abs=0.1), 320, 180]
    assert failed is None
