"""What stands at the other end of each sink, for expectations that all of them share."""

from __future__ import annotations

import json
import math
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

Told = Mapping[str, float]


class Receiver(Protocol):
    """The other end of one sink.

    Attributes:
        target: what its ``create`` is given.
        options: and with which options.
    """

    target: Any
    options: Mapping[str, Any]

    def listen(self) -> None:
        """Be there from now on. The sink has been made: it may configure a library that both ends share."""
        ...

    def received(self) -> list[Told]:
        """Once the sink is closed: what arrived, as figures by name, one a snapshot."""
        ...


class FileReceiver:
    """Reads the lines of a file."""

    def __init__(self, folder: Path) -> None:
        self.target = folder / "out"
        self.options: Mapping[str, Any] = {}

    def listen(self) -> None:
        """A file waits."""

    def received(self) -> list[Told]:
        return [
            {name: value for name, value in json.loads(line).items() if isinstance(value, int | float)}
            for line in self.target.read_text().splitlines()
        ]


class LslReceiver:
    """An inlet on this machine, connected as soon as the stream is there."""

    def __init__(self) -> None:
        self.target = f"test-{uuid.uuid4()}"
        self.options: Mapping[str, Any] = {"wait_seconds": 20.0}
        self.samples: list[tuple[list[float], float]] = []
        self.labels: list[str] = []
        self.xml = ""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def listen(self) -> None:
        """Look for the stream from now on."""
        self._thread.start()

    def received(self) -> list[Told]:
        self._done.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        samples = [dict(zip(self.labels, sample, strict=True)) for sample, _ in self.samples]
        return [{n: v for n, v in sample.items() if not math.isnan(v)} for sample in samples]

    def _listen(self) -> None:
        import pylsl

        found: list[Any] = []
        names = (self.target, f"DEMO {self.target}")
        predicate = " or ".join(f"name='{name}'" for name in names)
        while not found and not self._done.is_set():
            found = pylsl.resolve_bypred(predicate, minimum=1, timeout=2.0)
        if not found:
            return
        inlet = pylsl.StreamInlet(found[0], recover=False)
        info = inlet.info(timeout=10)
        self.xml, self.labels = info.as_xml(), [label or "" for label in info.get_channel_labels() or []]
        inlet.open_stream(timeout=10)
        try:
            while True:
                sample, stamp = inlet.pull_sample(timeout=0.5)
                if sample is not None:
                    self.samples.append((sample, stamp))
                elif self._done.is_set():
                    return
        except pylsl.util.LostError:
            return


def receiver_for(name: str, folder: Path) -> Receiver:
    """The other end of a sink: a file in ``folder``, unless the sink has a receiver of its own."""
    return LslReceiver() if name == "lsl" else FileReceiver(folder)
