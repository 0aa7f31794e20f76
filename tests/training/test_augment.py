"""Augmentation: off it is the picture, on it stays in range, is seeded, and each change does what it says."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

from mien.evaluation.faces import resized  # noqa: E402
from mien.training import appearance  # noqa: E402
from mien.training.augment import AugmentOptions, augment  # noqa: E402
from mien.training.augment import _sampled as augment_sampled  # noqa: E402
from mien.training.augment import _small as augment_small  # noqa: E402
from mien.training.draws import Draws  # noqa: E402
from mien.training.framing import crop_maps  # noqa: E402

IDENTITY = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
EVERYTHING: dict[str, Any] = {
    "blur": 0.5, "jpeg": 0.5, "infrared": 0.3, "grey": 0.3, "saturation_log": 0.3, "colour_cast": 0.1,
    "shot_noise": 0.05, "smallest_px": 12,
}  # fmt: skip
COLOURS = ("grey", "rgb")


def only(**strengths: Any) -> AugmentOptions:
    """Everything off but these."""
    plain: dict[str, Any] = {f.name: 0.0 for f in fields(AugmentOptions)} | {"smallest_px": 14}
    return AugmentOptions(**(plain | strengths))


def pictures(count: int, colour: str = "grey") -> Tensor:
    """Smooth blobs, uint8."""
    generator = torch.Generator().manual_seed(1)
    channels = 1 if colour == "grey" else 3
    coarse = torch.rand(count, channels, 6, 6, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(48, 48), mode="bilinear")
    pixels = (smooth * 255).to(torch.uint8)
    chosen: Tensor = pixels[:, 0] if colour == "grey" else pixels.permute(0, 2, 3, 1).contiguous()
    return chosen


def changed(pixels: Tensor, options: AugmentOptions, seed: int = 0, side: int | None = None) -> Tensor:
    frames = IDENTITY.repeat(len(pixels), 1, 1)
    return augment(pixels, frames, options, torch.Generator().manual_seed(seed), side)


def planes(pixels: Tensor) -> Any:
    return (pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)).float() / 255


def draws(count: int, seed: int = 0) -> Draws:
    return Draws(count, torch.Generator().manual_seed(seed), torch.device("cpu"))


def detail(x: Tensor) -> Any:
    """How much neighbours differ, one number a face."""
    return (x[..., 1:] - x[..., :-1]).abs().mean(dim=(1, 2, 3))


@pytest.mark.parametrize("colour", COLOURS)
def test_off_is_the_picture(colour: str) -> None:
    pixels = pictures(4, colour)
    assert torch.allclose(changed(pixels, only()), planes(pixels), atol=2e-3)


@pytest.mark.parametrize("colour", COLOURS)
def test_it_is_seeded_and_stays_in_range(colour: str) -> None:
    pixels = pictures(16, colour)
    a, b, c = (changed(pixels, AugmentOptions(**EVERYTHING), seed) for seed in (5, 5, 6))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert float(a.min()) >= 0
    assert float(a.max()) <= 1
    assert a.shape == (16, 1 if colour == "grey" else 3, 48, 48)


def test_changes_that_are_off_draw_nothing() -> None:
    """So a recipe that does not name them means what it meant before there were any."""
    first, second = (torch.Generator().manual_seed(3) for _ in range(2))
    pixels, frames = pictures(4), IDENTITY.repeat(4, 1, 1)
    augment(pixels, frames, AugmentOptions(), first)
    augment(pixels, frames, AugmentOptions(blur=0.0, jpeg=0.0, infrared=0.0, shot_noise=0.0), second)
    assert torch.equal(first.get_state(), second.get_state())
    third = torch.Generator().manual_seed(3)
    augment(pixels, frames, AugmentOptions(jpeg=0.5), third)
    assert not torch.equal(first.get_state(), third.get_state())


@pytest.mark.parametrize("side", [32, 48, 64, 112])
def test_the_crop_has_the_side_of_the_network(side: int) -> None:
    out = changed(pictures(3), only(), side=side)
    assert out.shape == (3, 1, side, side)
    assert float(out.mean()) == pytest.approx(float(planes(pictures(3)).mean()), abs=0.01)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("whole", [100, 144, 192])
def test_a_large_picture_is_averaged_down_nearly_as_for_validation(colour: str, whole: int) -> None:
    """Noise keeps its contrast where pixels are picked out of it, and loses it where they are averaged.

    Training cuts as serving does, by a Gaussian; validation takes whole pictures, and averages them by area.
    """
    shape = (4, whole, whole) if colour == "grey" else (4, whole, whole, 3)
    noisy = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    x, judged = changed(torch.from_numpy(noisy), only(), side=48), planes(torch.from_numpy(resized(noisy, 48)))
    picked = planes(torch.from_numpy(noisy[:, : whole - whole % 48 : whole // 48, : whole - whole % 48 : whole // 48]))
    assert 0.8 < float(x.std() / judged.std()) < 1.15 < 0.7 * float(picked.std() / judged.std())
    assert float((x - judged).abs().mean()) < 0.5 * float((x - x.flip(0)).abs().mean())


def test_a_part_of_a_large_picture_keeps_its_detail() -> None:
    noisy = torch.randint(0, 256, (2, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    half = torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]).repeat(2, 1, 1)
    both = torch.stack([half[0], IDENTITY])
    part = augment(noisy, half, only(), torch.Generator().manual_seed(1), 48)
    assert torch.allclose(part, planes(noisy)[..., 24:72, 24:72], atol=2e-3)
    mixed = augment(noisy, both, only(), torch.Generator().manual_seed(1), 48)
    assert torch.equal(mixed[0], part[0]), "each picture by its own crop"
    assert float(mixed[1].std()) < 0.6 * float(part[1].std())


@pytest.mark.parametrize("side", [48, 64])
def test_pictures_no_larger_than_the_crop_are_sampled_as_ever(side: int) -> None:
    """Bit by bit, however wide the frame: what shipped models were trained on stays what it was."""
    noisy = torch.randint(0, 256, (64, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    frames = IDENTITY * torch.linspace(0.5, 4.0, 64)[:, None, None]
    grid = functional.affine_grid(frames, [64, 1, side, side], align_corners=False)
    for border in ("border", "reflection"):
        expected = functional.grid_sample(planes(noisy), grid, padding_mode=border, align_corners=False)
        assert torch.equal(augment_sampled(planes(noisy), frames, side, border), expected)


def test_mirroring_is_mirroring() -> None:
    pixels = pictures(4)
    assert torch.allclose(changed(pixels, only(flip=1.0)), planes(pixels).flip(3), atol=2e-3)


@pytest.mark.parametrize("strength", [{"blur": 1.0}, {"low_resolution": 1.0, "smallest_px": 32}])
def test_what_takes_detail_takes_detail(strength: dict[str, float]) -> None:
    noisy = torch.randint(0, 256, (8, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert (detail(changed(noisy, only(**strength))) < 0.9 * detail(planes(noisy))).all()


def test_small_faces_are_as_small_as_asked() -> None:
    """At 12 pixels, more is lost than at 32."""
    noisy = torch.randint(0, 256, (64, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    least = [float(detail(changed(noisy, only(low_resolution=1.0, smallest_px=px))).min()) for px in (12, 32)]
    assert least[0] < 0.5 * least[1]


@pytest.mark.parametrize(("smallest_px", "side", "sizes"), [(12, 48, 5), (14, 48, 4), (32, 48, 1), (14, 24, 2)])
def test_as_many_faces_are_small_as_asked_whatever_the_sizes(smallest_px: int, side: int, sizes: int) -> None:
    noisy = torch.randint(0, 256, (4000, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    plain, out = planes(noisy), changed(noisy, only(low_resolution=0.2, smallest_px=smallest_px))
    reached = (detail(out) < 0.95 * detail(plain)).float().mean()
    assert float(reached) == pytest.approx(1 - (1 - 0.2 / sizes) ** sizes, abs=0.02)


def test_the_usual_small_sizes_are_drawn_as_ever() -> None:
    """A recipe that leaves ``smallest_px`` alone shows its network the faces that it always has."""
    noisy = torch.randint(0, 256, (256, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    options = only(low_resolution=0.4)
    generator = torch.Generator().manual_seed(11)
    x, there = planes(noisy), draws(256, seed=11)
    small = augment_small(x.clone(), options, there)
    expected = x.clone()
    for size in (14, 18, 24, 32):
        chosen = torch.rand(256, generator=generator) < 0.1
        reduced = torch.nn.functional.interpolate(expected[chosen], size=(size, size), mode="area")
        expected[chosen] = torch.nn.functional.interpolate(reduced, size=(48, 48), mode="bilinear")
    assert torch.equal(small, expected)


def test_blur_keeps_brightness_and_touches_only_the_chosen() -> None:
    x = planes(pictures(64))
    out = appearance.out_of_focus(x.clone(), 0.5, draws(64))
    same = torch.tensor([torch.equal(a, b) for a, b in zip(x, out, strict=True)])
    assert 16 < int(same.sum()) < 48
    assert torch.allclose(out.mean(dim=(1, 2, 3)), x.mean(dim=(1, 2, 3)), atol=0.01)


@pytest.mark.parametrize("colour", COLOURS)
def test_compression_is_a_real_one(colour: str) -> None:
    x = planes(pictures(8, colour))
    out = appearance.compressed(x.clone(), 1.0, draws(8))
    error = (out - x).abs().mean(dim=(1, 2, 3))
    assert (error > 1e-4).all()
    assert (error < 0.05).all(), "channels are not exchanged"
    assert torch.allclose(out * 255, (out * 255).round(), atol=1e-3), "eight bits come out of a decoder"


def test_infrared_has_no_colour_and_pale_mid_tones() -> None:
    x = planes(pictures(32, "rgb"))
    out = appearance.infrared(x.clone(), 1.0, draws(32))
    assert torch.equal(out[:, 0], out[:, 1])
    assert torch.equal(out[:, 0], out[:, 2])
    middle, corner = out[..., 20:28, 20:28].mean(), out[..., :4, :4].mean()
    assert float(middle) > float(x[..., 20:28, 20:28].mean())
    assert float(corner) < float(middle)


def test_colour_changes_leave_grey_faces_alone() -> None:
    x = planes(pictures(4))
    assert torch.equal(appearance.colours(x, 0.5, 0.5, 1.0, draws(4)), x)


def test_grey_loses_all_colour_and_keeps_the_luma() -> None:
    x = planes(pictures(4, "rgb"))
    out = appearance.colours(x, 0.0, 0.0, 1.0, draws(4))
    luma = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    assert all(torch.allclose(out[:, c], luma, atol=1e-6) for c in range(3))


def test_photon_noise_grows_with_light() -> None:
    x = torch.full((64, 1, 48, 48), 0.04)
    x[..., 24:] = 0.64
    out = appearance.shot_noise(x, 0.1, draws(64)) - x
    assert float(out[..., 24:].std() / out[..., :24].std()) == pytest.approx(4.0, rel=0.1)


def test_darkness_is_dark_and_occlusion_covers() -> None:
    pixels = torch.full((64, 48, 48), 255, dtype=torch.uint8)
    assert (changed(pixels, only(dark=1.0)).mean(dim=(1, 2, 3)) < 0.45).all()
    covered = changed(pixels, only(occlusion=1.0))
    assert ((covered < 0.999).float().mean(dim=(1, 2, 3)) < 0.2).all()
    assert float((covered < 0.999).float().mean()) > 0.03


@pytest.mark.parametrize(("whole", "fine"), [(48, 0), (96, 60), (192, 60)])
def test_the_training_crop_is_the_serving_crop(whole: int, fine: int) -> None:
    """The map that training samples with shows what ``preprocess.crop_faces`` cuts: of a large picture, noise too."""
    from mien.core.faces import CropGeometry
    from mien.preprocess import crop_faces

    generator, larger = np.random.default_rng(4), whole // 48
    coarse = np.kron(generator.integers(fine, 255 - fine, (8, 8)), np.ones((6 * larger, 6 * larger), np.int64))
    picture = (coarse + fine * generator.choice([-1, 1], coarse.shape)).astype(np.uint8)
    landmarks = np.array([[[16, 21], [31, 18], [24, 27], [19, 36], [31, 34]]], np.float32) * larger
    for size in (48, 64):
        geometry = CropGeometry(size, 1.876, 0.153)
        served = crop_faces(np.repeat(picture[..., None], 3, axis=2), landmarks, geometry)[0, :, :, 0].astype(float)
        maps = torch.from_numpy(crop_maps(landmarks, geometry, whole))
        sampled = augment(torch.from_numpy(picture)[None], maps, only(), torch.Generator().manual_seed(1), size)
        inner = (slice(size // 6, size - size // 6),) * 2
        assert np.abs(served[inner] - sampled[0, 0].numpy()[inner] * 255).mean() < 3
