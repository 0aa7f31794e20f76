"""How hot the machine is, as the operating system tells: ``/sys`` for the processor, ``nvidia-smi`` for a GPU.

What a machine does not tell is None; nothing is guessed. Reading asks a program and a dozen files, so it is done in a
thread of its own, every few seconds.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

from mien.core.status import Heat

EVERY_SECONDS: Final = 5.0
_PATIENCE_SECONDS: Final = 5.0
_CPU_ZONES: Final = ("cpu", "x86_pkg", "soc", "bigcore", "littlecore", "coretemp")
_CPU_CHIPS: Final = frozenset({"coretemp", "k10temp", "zenpower"})
_CPU_COOLERS: Final = ("processor", "cpufreq", "cpu")
_PI_THROTTLED_NOW: Final = 0b1111
"""Of a Raspberry Pi's ``get_throttled``: under-voltage, frequency capped, throttled, soft limit."""
_LIKELY_CELSIUS: Final = (1.0, 150.0)
"""Sensors that are not connected tell less or more."""


class Sensors(Protocol):
    """Tells how hot the machine is."""

    def read(self) -> Heat:
        """Now."""
        ...


def ask_nvidia() -> str | None:
    """Temperature (°C) and utilisation (%) of each GPU, a line each; None where there is no such program."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    command = [program, "--query-gpu=temperature.gpu,utilization.gpu", "--format=csv,noheader,nounits"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=True, stdin=subprocess.DEVNULL
        )
        return done.stdout
    return None


class MachineSensors:
    """This machine's.

    Args:
        root: where the kernel tells of its devices.
        ask_gpu: gives what ``nvidia-smi`` says, or None.
    """

    def __init__(self, root: Path = Path("/sys"), ask_gpu: Callable[[], str | None] = ask_nvidia) -> None:
        self._root = root
        self._ask_gpu = ask_gpu
        self._throttle_count = self._throttles()

    def read(self) -> Heat:
        """Now; a processor counts as throttled where it was so at any time since the last reading."""
        before, self._throttle_count = self._throttle_count, self._throttles()
        gpus = list(_gpus(self._ask_gpu() or ""))
        gpu = [*(celsius for celsius, _ in gpus), *self._zones(("gpu",))]
        cpu = [*self._zones(_CPU_ZONES), *self._chips()]
        return Heat(
            gpu_celsius=max(gpu, default=None),
            cpu_celsius=max(cpu, default=None),
            gpu_busy=max((busy for _, busy in gpus if busy is not None), default=None),
            cpu_throttled=self._throttle_count > before
            or self._is_cooled()
            or self._is_limited()
            or self._pi_throttles(),
        )

    def _zones(self, kinds: tuple[str, ...]) -> Iterator[float]:
        for zone in self._root.glob("class/thermal/thermal_zone*"):
            if (_text(zone / "type") or "").lower().startswith(kinds):
                yield from _celsius(zone / "temp")

    def _chips(self) -> Iterator[float]:
        for chip in self._root.glob("class/hwmon/hwmon*"):
            if _text(chip / "name") in _CPU_CHIPS:
                for sensor in chip.glob("temp*_input"):
                    yield from _celsius(sensor)

    def _throttles(self) -> int:
        files = self._root.glob("devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count")
        return sum(_number(path) or 0 for path in files)

    def _is_cooled(self) -> bool:
        return any(
            any(kind in (_text(cooler / "type") or "").lower() for kind in _CPU_COOLERS)
            and (_number(cooler / "cur_state") or 0) > 0
            for cooler in self._root.glob("class/thermal/cooling_device*")
        )

    def _is_limited(self) -> bool:
        """Whether the firmware holds a processor below what it can do."""
        for policy in self._root.glob("devices/system/cpu/cpu[0-9]*/cpufreq"):
            limit, most = _number(policy / "bios_limit"), _number(policy / "cpuinfo_max_freq")
            if limit is not None and most is not None and 0 < limit < most:
                return True
        return False

    def _pi_throttles(self) -> bool:
        told = _text(self._root / "devices/platform/soc/soc:firmware/get_throttled")
        with contextlib.suppress(ValueError):
            return told is not None and bool(int(told, 16) & _PI_THROTTLED_NOW)
        return False


class Watch:
    """Reads sensors in a thread of its own.

    Args:
        sensors: what is read.
        every_seconds: how often.
    """

    def __init__(self, sensors: Sensors, every_seconds: float = EVERY_SECONDS) -> None:
        self._sensors = sensors
        self._every_seconds = every_seconds
        self._stopped = threading.Event()
        self.latest: Heat | None = None
        """The last reading; None before the first."""
        self._thread = threading.Thread(target=self._run, name="mien-heat", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, without waiting for a reading that is under way."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.latest = self._sensors.read()
            self._stopped.wait(self._every_seconds)


def _text(path: Path) -> str | None:
    # A sensor that sleeps answers with an error.
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="ascii").strip()
    return None


def _number(path: Path) -> int | None:
    with contextlib.suppress(ValueError):
        told = _text(path)
        return None if told is None else int(told)
    return None


def _celsius(path: Path) -> Iterator[float]:
    thousandths = _number(path)
    if thousandths is not None and _LIKELY_CELSIUS[0] <= thousandths / 1000 <= _LIKELY_CELSIUS[1]:
        yield thousandths / 1000


def _gpus(told: str) -> Iterator[tuple[float, float | None]]:
    """°C and share of the time each was busy; one that tells no temperature is left out."""
    for line in told.splitlines():
        words = [word.strip() for word in line.split(",")]
        if words[0].isdecimal():
            busy = float(words[1]) / 100 if len(words) > 1 and words[1].isdecimal() else None
            yield float(words[0]), busy
