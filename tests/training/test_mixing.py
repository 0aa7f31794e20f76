"""MixUp and CutMix mix labels in the proportion of the pictures."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from mien.training.mixing import mix  # noqa: E402

X = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 1, 24, 24).contiguous()
"""Each face is a flat picture of its number, so a picture's mean is its label's mean."""
Y = torch.eye(8)
NUMBER = torch.arange(8.0)


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.4, 1.0)])
def test_labels_follow_the_pictures(mixup: float, cutmix: float) -> None:
    generator = torch.Generator().manual_seed(0)
    mixed = 0
    for _ in range(40):
        x, (y, again) = mix(X, (Y, 2 * Y), mixup, cutmix, generator)
        assert torch.allclose(x.mean(dim=(1, 2, 3)), (y * NUMBER).sum(dim=1), atol=1e-4)
        assert torch.allclose(again, 2 * y)
        assert torch.allclose(y.sum(dim=1), torch.ones(8), atol=1e-5)
        mixed += not torch.equal(x, X)
    assert 8 < mixed < 32, "half of the batches"


def test_cutmix_pastes_and_mixup_blends() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        pasted, _ = mix(X, (Y,), 0.0, 1.0, generator)
        assert torch.equal(pasted, pasted.round()), "every pixel is of one of the two pictures"
    blended = [mix(X, (Y,), 1.0, 0.0, generator)[0] for _ in range(40)]
    assert any(not torch.equal(x, x.round()) for x in blended)


def test_off_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    x, _ = mix(X, (Y,), 0.0, 0.0, generator)
    assert x is X
    assert torch.equal(before, generator.get_state())
