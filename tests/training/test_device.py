"""Which device is chosen, and what each kind is spared. Only the processor is really run on here."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from torch import nn  # noqa: E402

from mien.cli.train import command  # noqa: E402
from mien.core.errors import DeviceError  # noqa: E402
from mien.training import device as devices  # noqa: E402

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in request.param)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in request.param)


@pytest.mark.parametrize(("there", "chosen"), [("cuda mps", "cuda"), ("mps", "mps"), ("", "cpu")], indirect=["there"])
@pytest.mark.usefixtures("there")
def test_auto_prefers_cuda_then_mps_then_the_processor(chosen: str) -> None:
    assert devices.choose_device("auto").type == chosen
    assert devices.choose_device(chosen).type == chosen
    assert devices.choose_device("cpu") == CPU


@pytest.mark.parametrize("there", [""], indirect=True)
@pytest.mark.usefixtures("there")
def test_a_device_that_is_not_there_is_an_error_with_a_way_out() -> None:
    for name in ("cuda", "mps"):
        with pytest.raises(DeviceError, match=rf"(?i){name}.*--device cpu"):
            devices.choose_device(name)
    with pytest.raises(DeviceError, match="'tpu': choose one of auto, cpu, cuda, mps"):
        devices.choose_device("tpu")


def test_the_command_offers_the_devices_there_are() -> None:
    (option,) = (p for p in command.params if p.name == "device")
    assert tuple(option.type.choices) == devices.DEVICES  # type: ignore[attr-defined]


def test_on_mps_faces_are_prepared_on_the_processor_and_nothing_is_in_bfloat16_or_channels_last() -> None:
    assert devices.of_faces(MPS) == CPU
    assert devices.of_faces(CUDA) == CUDA
    assert not devices.takes_bfloat16(MPS)
    assert devices.layout(MPS) == torch.contiguous_format
    with devices.precision(MPS, bfloat16=True):
        assert not torch.is_autocast_enabled("mps")


def test_mixed_precision_is_the_recipes_choice() -> None:
    for asked in (True, False):
        with devices.precision(CPU, bfloat16=asked):
            assert torch.is_autocast_enabled("cpu") is asked


def test_a_network_on_the_processor_lies_channels_last_and_has_no_generator_of_its_own() -> None:
    network = devices.placed(nn.Conv2d(3, 4, 3), CPU)
    assert next(network.parameters()).is_contiguous(memory_format=torch.channels_last)
    assert devices.generator_states(CPU) == []
    devices.restore_generators(CPU, [])


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
        pytest.param("mps", marks=pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no Metal device")),
    ],
)
def test_a_devices_generators_go_on_where_they_were(kind: str) -> None:
    device = torch.device(kind)
    states = devices.generator_states(device)
    first = torch.rand(8, device=device)
    devices.restore_generators(device, states)
    assert torch.equal(torch.rand(8, device=device), first)
