"""The Lab Streaming Layer: what a real inlet on this machine receives, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as Xml

import pylsl
import pytest

from mien.core.audience import AudienceSnapshot, EmotionIntervals, EmotionPercents, Interval
from mien.core.errors import SettingsError
from mien.core.labels import EMOTIONS
from mien.sinks.lsl import CHANNELS, TYPE, create
from tests.sinks.receivers import LslReceiver
from tests.sinks.snapshots import snapshot, suppressed

MEANS = (20.04, 5.0, 12.26, 7.5, 5.0, 3.0, 45.2, 2.0)


def received(*snapshots: AudienceSnapshot) -> LslReceiver:
    receiver = LslReceiver()
    sink = create(receiver.target, **receiver.options)
    receiver.listen()
    for one in snapshots:
        sink.write(one)
    sink.close(complete=True)
    receiver.received()
    return receiver


def told(receiver: LslReceiver, index: int = 0) -> dict[str, float]:
    return dict(zip(receiver.labels, receiver.samples[index][0], strict=True))


def test_a_sample_tells_the_snapshot() -> None:
    bounds = {e: Interval(low=m - 1, high=m + 2) for e, m in zip(EMOTIONS, MEANS, strict=True)}
    more = {"facing_share": 0.75, "synchrony": -0.25, "intervals": EmotionIntervals(**bounds)}
    one = told(received(snapshot(7261.0625).model_copy(update=more)))
    assert tuple(one[e] for e in EMOTIONS) == MEANS
    assert {n: one[n] for n in ("media_time", "duration", "suppressed")} == {
        "media_time": 7261.0625,
        "duration": 0.5,
        "suppressed": 0,
    }
    assert (one["present"], one["readable"], one["tracks"]) == (35, 32, 32)
    assert (one["coverage"], one["facing_share"], one["synchrony"]) == (0.9, 0.75, -0.25)
    assert [(one[f"{e}_low"], one[f"{e}_high"]) for e in EMOTIONS] == [(b.low, b.high) for b in bounds.values()]


def test_what_is_missing_or_suppressed_is_no_number() -> None:
    gap = AudienceSnapshot(session_id="abc123", media_time=2.0, duration_seconds=0.5, suppressed=False, frames=0)
    receiver = received(suppressed(1.5), gap, snapshot(2.5))
    numbers = [{n for n, v in told(receiver, k).items() if v == v} for k in range(3)]
    assert numbers[0] == numbers[1] == {"media_time", "duration", "suppressed"}
    assert [told(receiver, k)["suppressed"] for k in range(3)] == [1, 0, 0]
    # One that tells no interval: those channels alone are empty.
    bounds = {c.label for c in CHANNELS if c.label.endswith(("_low", "_high"))}
    assert {c.label for c in CHANNELS} - numbers[2] == bounds | {"facing_share", "synchrony"}


def test_nothing_read_is_no_neutral_face() -> None:
    unread = snapshot().model_copy(update={"emotions": None, "readable": 0, "coverage": 0.0})
    one = told(received(unread))
    assert [v for e in EMOTIONS if (v := one[e]) == v] == []
    assert (one["readable"], one["coverage"]) == (0, 0)


def test_a_zero_is_sent_as_zero() -> None:
    calm = EmotionPercents.of([100, 0, 0, 0, 0, 0, 0, 0])
    zero = {e: Interval(low=0, high=0) for e in EMOTIONS}
    one = told(received(snapshot().model_copy(update={"emotions": calm, "intervals": EmotionIntervals(**zero)})))
    assert (one["fear"], one["fear_low"], one["fear_high"]) == (0, 0, 0)


def test_the_description_says_what_the_numbers_are() -> None:
    receiver = received(snapshot())
    info = Xml.fromstring(receiver.xml)
    assert (info.findtext("name"), info.findtext("type")) == (receiver.target, TYPE)
    assert info.findtext("nominal_srate", "") in {"0", "0.000000000000000"}
    assert info.findtext("source_id") == "mien-abc123"
    channels = [(c.findtext("label"), c.findtext("unit")) for c in info.iterfind("desc/channels/channel")]
    assert channels == [(c.label, c.unit) for c in CHANNELS]
    assert dict(channels)["fear"] == "points"
    assert info.findtext("desc/acquisition/manufacturer") == "Mien"
    assert info.findtext("desc/mien/session_id") == "abc123"
    assert info.findtext("desc/mien/demo") == "false"
    assert "DEMO" not in receiver.xml


def test_composed_frames_say_so_in_the_name_and_in_the_description() -> None:
    receiver = received(snapshot().model_copy(update={"demo": True}))
    info = Xml.fromstring(receiver.xml)
    assert info.findtext("name") == f"DEMO {receiver.target}"
    assert info.findtext("desc/mien/demo") == "true"
    assert "DEMO" in info.findtext("desc/mien/note", "")


def test_a_sample_is_stamped_when_it_is_sent() -> None:
    before = pylsl.local_clock()
    receiver = received(snapshot(5000.0), snapshot(5000.5))
    stamps = [stamp for _, stamp in receiver.samples]
    assert before < stamps[0] <= stamps[1] < pylsl.local_clock()


def test_the_last_of_many_samples_arrives() -> None:
    receiver = received(*(snapshot(k / 10) for k in range(1000)))
    assert [sample[0] for sample, _ in receiver.samples] == [k / 10 for k in range(1000)]


def test_nobody_listening_holds_nothing_up() -> None:
    sink = create("unheard", linger_seconds=60)
    started = time.monotonic()
    for k in range(20):
        sink.write(snapshot(k / 2))
    sink.close(complete=True)
    assert time.monotonic() - started < 10


def test_it_waits_for_a_listener_no_longer_than_told() -> None:
    sink = create("unheard", wait_seconds=0.5, linger_seconds=0)
    started = time.monotonic()
    sink.write(snapshot())
    sink.write(snapshot())
    waited = time.monotonic() - started
    sink.close(complete=True)
    assert 0.5 <= waited < 10


@pytest.mark.parametrize("name", ["", "  ", "a\nb"])
def test_a_stream_needs_a_name(name: str) -> None:
    with pytest.raises(SettingsError, match="needs a name"):
        create(name)


def test_a_reach_cannot_change_silently() -> None:
    create("here")
    with pytest.raises(SettingsError, match="opened a stream that reaches the machine"):
        create("everywhere", reach="network")


def test_without_pylsl_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pylsl", None)
    with pytest.raises(SettingsError, match=r"pip install 'mien\[lsl\]'"):
        create("here")


CREATE = "from mien.sinks.lsl import create\ncreate('here')"


def test_without_its_library_the_remedy_is_named(tmp_path: Path) -> None:
    (tmp_path / "liblsl.so").write_text("this is no library")
    environment = {**os.environ, "PYLSL_LIB": str(tmp_path / "liblsl.so")}
    done = subprocess.run([sys.executable, "-c", CREATE], capture_output=True, text=True, env=environment, timeout=60)
    assert "SettingsError: pylsl is installed, but not the library liblsl" in done.stderr
    assert "PYLSL_LIB" in done.stderr.splitlines()[-1]


SOCKETS = """
import os, sys
from pathlib import Path
from mien.sinks.lsl import create
from tests.sinks.snapshots import snapshot

sink = create("here")
sink.write(snapshot())
mine = {os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
for protocol in ("udp", "udp6"):
    for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]:
        address, inode = line.split()[1], line.split()[9]
        if f"socket:[{inode}]" in mine and address.endswith(f":{16571:04X}"):
            print(protocol, address.split(":")[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's table of sockets")
def test_unless_asked_it_answers_searches_of_this_machine_only() -> None:
    """Searches come to port 16571: it is open on the loopback address (127.0.0.1, reversed in hexadecimal) alone."""
    done = subprocess.run([sys.executable, "-c", SOCKETS], capture_output=True, text=True, timeout=60)
    assert (set(done.stdout.splitlines()), done.stderr) == ({"udp 0100007F"}, "")


def test_importing_the_sink_does_not_import_pylsl() -> None:
    code = "import sys, mien.sinks.lsl; sys.exit('pylsl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
