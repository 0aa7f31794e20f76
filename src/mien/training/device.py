"""Where a network is trained, and what each kind of device is spared.

Apple's ``mps`` lacks operations that faces are augmented with (area filters of any size, some paddings), and bfloat16
and channels-last convolutions were wrong or missing in some of its releases. There faces are prepared on the processor
and the network runs in float32 in torch's usual layout.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from mien.core.errors import DeviceError

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
DEVICES: tuple[str, ...] = get_args(DeviceName)
MISSING = {
    "cuda": "no CUDA device that this torch can use",
    "mps": "no Metal device (mps) that this torch can use: it needs macOS on Apple silicon",
}


def choose_device(name: str) -> torch.device:
    """The device of a name of :data:`DEVICES`; ``auto`` prefers ``cuda``, then ``mps``, then ``cpu``.

    Raises:
        DeviceError: it was asked for and is not there, or there is none of that name.
    """
    there: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if name == "auto":
        name = next(kind for kind, is_there in there.items() if is_there())
    if name not in there:
        raise DeviceError(f"unknown device {name!r}: choose one of {', '.join(DEVICES)}")
    if not there[name]():
        raise DeviceError(f"{MISSING[name]}: choose --device cpu")
    return torch.device(name)


def of_faces(device: torch.device) -> torch.device:
    """Where faces are augmented for a network on a device."""
    return torch.device("cpu") if device.type == "mps" else device


def takes_bfloat16(device: torch.device) -> bool:
    """Whether mixed precision is used where a recipe asks for it."""
    return device.type != "mps"


def precision(device: torch.device, *, bfloat16: bool) -> AbstractContextManager[object]:
    """In which the network runs forwards: mixed precision where it is asked for and the device takes it."""
    if bfloat16 and takes_bfloat16(device):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def layout(device: torch.device) -> torch.memory_format:
    """Of pictures and kernels; channels last lets oneDNN convolve a quarter faster on a CPU."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def placed(network: nn.Module, device: torch.device) -> nn.Module:
    """A network on a device, in its layout."""
    return network.to(device).to(memory_format=layout(device))  # type: ignore[call-overload, no-any-return]


def generator_states(device: torch.device) -> list[Tensor]:
    """The states of the device's own generators, which dropout there draws from; none on a CPU."""
    if device.type == "cuda":
        return list(torch.cuda.get_rng_state_all())
    return [torch.mps.get_rng_state()] if device.type == "mps" else []


def restore_generators(device: torch.device, states: list[Tensor]) -> None:
    """Go on from :func:`generator_states` of the same kind of device."""
    if device.type == "cuda":
        torch.cuda.set_rng_state_all(states)
    elif device.type == "mps":
        torch.mps.set_rng_state(states[0])
