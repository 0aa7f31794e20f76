"""Weights of face recognition: read in their order, and a network from them tells faces apart."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

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
from mien.training.state import read_weights  # noqa: E402


def numbered(path: Path) -> Path:
    """A file of the right size whose first layer's numbers can be told by hand, and of whose rest every number is 1."""
    numbers = np.ones(faceres.SIZE_BYTES // 2, "<f2")
    heads = 256 * 100 + 100 + 1024 * 256 + 256 + 256 + 1
    numbers[heads : heads + 864] = np.tile(np.repeat([0.25, 0.5, 1.0], 32), 9)
    path.write_bytes(numbers.tobytes())
    return path


def test_every_number_finds_its_place(tmp_path: Path) -> None:
    read = faceres.read(numbered(tmp_path / "faceres.bin"))
    network = build_network("mobilenetv1", 8, 3, {})
    body = {name: value.shape for name, value in network.state_dict().items() if name.startswith("features.")}
    assert {name: value.shape for name, value in read.items()} == body
    assert len(read) == 2 * LAYERS
    numbers = sum(value.numel() for value in read.values())
    factors = sum(value.numel() for name, value in read.items() if value.ndim == 4 and value.shape[1] == 1) // 9
    bounds, heads, axis = 2 * LAYERS, 256 * 100 + 100 + 1024 * 256 + 256 + 256 + 1, 4
    assert 2 * (numbers + factors + bounds + heads + axis) == faceres.SIZE_BYTES
    assert read["features.0.weight"][0, :, 0, 0].tolist() == [60.0, 30.0, 15.0], "red, green and blue"


def test_grey_and_colour_networks_start_from_it(tmp_path: Path) -> None:
    read = read_weights(numbered(tmp_path / "faceres.bin"))
    colour, grey = MobileNetV1(8, 3).eval(), MobileNetV1(8, 1).eval()
    for network in (colour, grey):
        start_from(network, read)
    x = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.allclose(colour.features(x.expand(-1, 3, -1, -1)), grey.features(x), atol=1e-4)


@pytest.mark.parametrize("content", [b"", b"0" * (faceres.SIZE_BYTES - 2)])
def test_another_file_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "faceres.bin").write_bytes(content)
    with pytest.raises(InputError, match=f"{len(content)} bytes, not 6978814"):
        read_weights(tmp_path / "faceres.bin")
    with pytest.raises(InputError, match=r"cannot read weights .*absent\.bin \(No such file"):
        read_weights(tmp_path / "absent.bin")


def test_a_network_from_it_tells_faces_apart() -> None:
    """Two looks at one person are more alike than either is to another person's."""
    try:
        read, clips = read_weights(weights.resolve("faceres")), ("demo-clip", "clip-single-face")
        paths = [weights.resolve(clip) for clip in clips]
        detector, _ = load_detector(None, DetectionSettings(), InferenceSettings())
    except WeightsError as error:
        pytest.skip(f"weights or clips are out of reach: {str(error).splitlines()[0]}")
    network = MobileNetV1(8, 3).eval()
    start_from(network, read)
    seen = []
    for path in paths:
        for frame in islice(FileSource(path, SamplingSettings()), 0, 41, 40):
            transform = crop_transforms(detector.detect([frame])[0].landmarks[:1], CropGeometry(193, 2.4, 0.15))[0]
            crop = cv2.warpAffine(frame.image, transform, (193, 193), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
            x = torch.from_numpy(crop[None, ..., ::-1].copy()).permute(0, 3, 1, 2).float()
            with torch.inference_mode():
                answered = network.features((x - x.mean()) / x.std()).mean(dim=(2, 3))[0]
            seen.append(answered / answered.norm())
    alike = np.array([[float(one @ other) for other in seen] for one in seen])
    assert min(alike[0, 1], alike[2, 3]) > 0.1 + alike[:2, 2:].max(), alike.round(2)
