"""Weights of face recognition: read in their order, and a network from them tells faces apart."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from torch import Tensor  # noqa: E402

from mien import weights  # noqa: E402
from mien.assembly import load_detector  # noqa: E402
from mien.core.errors import InputError, WeightsError  # noqa: E402
from mien.core.faces import CropGeometry  # noqa: E402
from mien.core.settings import DetectionSettings, InferenceSettings, SamplingSettings  # noqa: E402
from mien.preprocess import crop_transforms  # noqa: E402
from mien.sources.file import FileSource  # noqa: E402
from mien.training import faceres  # noqa: E402
from mien.training.architectures import build_network, start_from  # noqa: E402
from mien.training.architectures.mobilenetv1 import LAYERS, MobileNetV1  # noqa: E402
from mien.training.start import read_start  # noqa: E402

HEADS = 256 * 100 + 100 + 1024 * 256 + 256 + 256 + 1
AXIS = 4


def numbered(path: Path) -> Path:
    """A file of the right size in which the number at place n is n modulo 1021, which halves hold exactly."""
    path.write_bytes((np.arange(faceres.SIZE_BYTES // 2) % 1021).astype("<f2").tobytes())
    return path


def told(start: int, count: int) -> list[float]:
    return [float(place % 1021) for place in range(start, start + count)]


def test_every_number_finds_its_place(tmp_path: Path) -> None:
    read = faceres.read(numbered(tmp_path / "faceres.bin"))
    network = build_network("mobilenetv1", 8, 3, {})
    body = {name: value.shape for name, value in network.state_dict().items() if name.startswith("features.")}
    assert {name: value.shape for name, value in read.items()} == body
    assert len(read) == 2 * LAYERS

    # The first layer: 3 high, 3 wide, blue, green and red of 32 kernels, then 32 offsets and the two bounds.
    blue, green, red = (60 * told(HEADS + colour * 32, 1)[0] for colour in range(3))
    assert read["features.0.weight"][0, :, 0, 0].tolist() == [red, green, blue]
    assert read["features.0.bias"].tolist() == told(HEADS + 864, 32)

    # The second: a kernel for each of 32 channels, as many factors, as many offsets.
    second = HEADS + 864 + 32 + 2
    kernel, factor = told(second, 288), told(second + 288, 32)
    expected = torch.tensor(kernel).reshape(9, 32).T.reshape(32, 1, 3, 3) * torch.tensor(factor)[:, None, None, None]
    assert torch.equal(read["features.2.weight"], expected)
    assert read["features.2.bias"].tolist() == told(second + 320, 32)

    # The last ends where the file does, but for its bounds and the axis of a mean.
    end = faceres.SIZE_BYTES // 2 - AXIS - 2
    assert read["features.52.bias"].tolist() == told(end - 1024, 1024)
    assert read["features.52.weight"][-1, -1, 0, 0] == told(end - 1025, 1)[0]


def test_grey_and_colour_networks_start_from_it(tmp_path: Path) -> None:
    read = read_start(numbered(tmp_path / "faceres.bin")).weights
    colour, grey = MobileNetV1(8, 3).eval(), MobileNetV1(8, 1).eval()
    for network in (colour, grey):
        start_from(network, read)
    x = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        one, other = colour.features[0](x.expand(-1, 3, -1, -1)), grey.features[0](x)
    assert one.std() > 0
    assert torch.allclose(one, other, rtol=1e-4)


def test_another_package_s_bin_is_read_as_torch_wrote_it(tmp_path: Path) -> None:
    """Many publish state dicts under that ending."""
    torch.save({"layer.weight": torch.ones(2)}, tmp_path / "pytorch_model.bin")
    assert read_start(tmp_path / "pytorch_model.bin").weights["layer.weight"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("content", [b"", b"0" * (faceres.SIZE_BYTES - 2)])
def test_another_file_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "faceres.bin").write_bytes(content)
    with pytest.raises(InputError, match=f"{len(content)} bytes, not 6978814"):
        read_start(tmp_path / "faceres.bin")
    with pytest.raises(InputError, match=r"cannot read weights .*faceres\.bin \(No such file"):
        read_start(tmp_path / "none" / "faceres.bin")


def test_a_network_from_it_tells_faces_apart() -> None:
    """Two looks at one person are more alike than either is to another person's, and most so with red as red."""
    try:
        read, clips = read_start(weights.resolve("faceres")).weights, ("demo-clip", "clip-single-face")
        paths = [weights.resolve(clip) for clip in clips]
        detector, _ = load_detector(None, DetectionSettings(), InferenceSettings())
    except WeightsError as error:
        pytest.skip(f"weights or clips are out of reach: {str(error).splitlines()[0]}")
    network = MobileNetV1(8, 3).eval()
    start_from(network, read)
    crops = []
    for path in paths:
        for frame in islice(FileSource(path, SamplingSettings()), 0, 41, 40):
            transform = crop_transforms(detector.detect([frame])[0].landmarks[:1], CropGeometry(193, 2.4, 0.15))[0]
            crops.append(
                cv2.warpAffine(frame.image, transform, (193, 193), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
            )
    as_seen = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()
    right, swapped = gap(network, as_seen), gap(network, as_seen.flip(1))
    assert right > 0.3
    assert right > swapped + 0.02, (right, swapped)


def gap(network: MobileNetV1, crops: Tensor) -> float:
    """By how much the least alike two of one person exceed the most alike of two: of float32 4×3×S×S, two each."""
    mean, spread = crops.mean(dim=(1, 2, 3), keepdim=True), crops.std(dim=(1, 2, 3), keepdim=True)
    with torch.inference_mode():
        answered = network.features((crops - mean) / spread).mean(dim=(2, 3))
    answered = answered / answered.norm(dim=1, keepdim=True)
    alike = answered @ answered.T
    return float(torch.minimum(alike[0, 1], alike[2, 3]) - alike[:2, 2:].max())
