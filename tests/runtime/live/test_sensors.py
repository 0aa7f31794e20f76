"""Sensors: what a kernel and nvidia-smi tell, in the files and lines in which they tell it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from mien.core.status import Heat
from mien.runtime.live.sensors import MachineSensors, Watch


def tell(root: Path, **files: object) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")


def sensors(root: Path, gpu: str | None = None) -> MachineSensors:
    return MachineSensors(root, lambda: gpu)


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    assert sensors(tmp_path).read() == Heat()


def test_this_machine_can_be_asked() -> None:
    heat = MachineSensors().read()
    assert heat.cpu_celsius is None or 1 <= heat.cpu_celsius <= 150


def test_the_hottest_zone_of_each_kind(tmp_path: Path) -> None:
    zones = {"x86_pkg_temp": 71000, "cpu-thermal": 64500, "GPU-therm": 58000, "acpitz": 99000, "cpu2-thermal": -274000}
    for number, (kind, temp) in enumerate(zones.items()):
        tell(tmp_path, **{f"class/thermal/thermal_zone{number}/{n}": v for n, v in (("type", kind), ("temp", temp))})
    tell(tmp_path, **{"class/hwmon/hwmon3/name": "k10temp", "class/hwmon/hwmon3/temp1_input": 73250})
    tell(tmp_path, **{"class/hwmon/hwmon4/name": "nvme", "class/hwmon/hwmon4/temp1_input": 80000})
    assert sensors(tmp_path).read() == Heat(gpu_celsius=58.0, cpu_celsius=73.25)


@pytest.mark.parametrize(
    ("told", "celsius", "busy"),
    [
        ("61, 43\n", 61.0, 0.43),
        ("61, 43\n84, 7\n", 84.0, 0.43),
        ("61, [N/A]\n", 61.0, None),
        ("[N/A], 43\n", None, None),
        ("No devices were found\n", None, None),
        ("", None, None),
    ],
)
def test_what_nvidia_smi_says(told: str, celsius: float | None, busy: float | None, tmp_path: Path) -> None:
    heat = sensors(tmp_path, told).read()
    assert (heat.gpu_celsius, heat.gpu_busy) == (celsius, busy)


def test_throttling_is_counted_since_the_last_reading(tmp_path: Path) -> None:
    name = "devices/system/cpu/cpu1/thermal_throttle/core_throttle_count"
    tell(tmp_path, **{name: 4})
    machine = sensors(tmp_path)
    assert not machine.read().cpu_throttled, "what was before it is no news"
    tell(tmp_path, **{name: 6})
    assert machine.read().cpu_throttled
    assert not machine.read().cpu_throttled


@pytest.mark.parametrize(("kind", "state", "slowed"), [
    ("Processor", 0, False), ("Processor", 2, True), ("thermal-cpufreq-0", 1, True), ("Fan", 3, False),
])  # fmt: skip
def test_a_processor_that_is_cooled_by_being_slowed(kind: str, state: int, slowed: bool, tmp_path: Path) -> None:
    tell(tmp_path, **{"class/thermal/cooling_device0/type": kind, "class/thermal/cooling_device0/cur_state": state})
    assert sensors(tmp_path).read().cpu_throttled is slowed


@pytest.mark.parametrize(("limit", "slowed"), [(3600000, False), (2100000, True), (0, False)])
def test_a_processor_that_the_firmware_limits(limit: int, slowed: bool, tmp_path: Path) -> None:
    tell(tmp_path, **{
        "devices/system/cpu/cpu0/cpufreq/bios_limit": limit, "devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": 3600000
    })  # fmt: skip
    assert sensors(tmp_path).read().cpu_throttled is slowed


@pytest.mark.parametrize(("told", "slowed"), [("0", False), ("50005", True), ("50000", False), ("odd", False)])
def test_a_raspberry_pi(told: str, slowed: bool, tmp_path: Path) -> None:
    tell(tmp_path, **{"devices/platform/soc/soc:firmware/get_throttled": told})
    assert sensors(tmp_path).read().cpu_throttled is slowed


class Counting:
    """Sensors that count how often they are read, and take their time."""

    def __init__(self) -> None:
        self.count = 0
        self.threads = set[str]()

    def read(self) -> Heat:
        self.count += 1
        self.threads.add(threading.current_thread().name)
        time.sleep(0.05)
        return Heat(cpu_celsius=float(self.count))


def test_a_watch_reads_in_a_thread_of_its_own_and_stops() -> None:
    counting = Counting()
    watch = Watch(counting, every_seconds=0.01)
    watch.start()
    deadline = time.monotonic() + 10
    while counting.count < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert watch.latest is not None
    started = time.monotonic()
    watch.stop()
    assert time.monotonic() - started < 0.04
    assert counting.threads == {"mien-heat"}
