"""Copies of a photograph are found in every disguise that sets of faces have, and other faces are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.faces import FloatArray, UInt8Array
from mien.evaluation import duplicates
from mien.evaluation.duplicates import Copies, copies_between, copies_within, joined

COUNT = 12


def pictures(seed: int = 0, count: int = COUNT, side: int = 64) -> UInt8Array:
    """Blobs of many sizes: as much structure as a face has, no two alike."""
    generator = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        layers = [
            cv2.resize(generator.normal(0, 1, (n, n)), (side, side), interpolation=cv2.INTER_CUBIC) for n in (3, 6, 14)
        ]
        whole = layers[0] + 0.7 * layers[1] + 0.5 * layers[2]
        out.append(np.clip(128 + 45 * whole, 0, 255).astype(np.uint8))
    return np.stack(out)


LARGE = pictures()
PLAIN = LARGE[:, 8:56, 8:56]


def jpeg(image: UInt8Array) -> UInt8Array:
    return np.asarray(
        cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_GRAYSCALE), np.uint8
    )


def marked(image: UInt8Array) -> UInt8Array:
    """A translucent watermark."""
    out = image.copy()
    cv2.putText(out, "stock", (4, 40), cv2.FONT_HERSHEY_PLAIN, 0.7, 200)
    return np.asarray(cv2.addWeighted(image, 0.7, out, 0.3, 0), np.uint8)


DISGUISES = {
    "the same": PLAIN,
    "darker": (PLAIN * 0.5).astype(np.uint8),
    "compressed": np.stack([jpeg(i) for i in PLAIN]),
    "shifted": LARGE[:, 10:58, 7:55],
    "larger": np.stack([cv2.resize(i[8:56, 8:56], (52, 52))[2:50, 2:50] for i in LARGE]),
    "marked": np.stack([marked(i) for i in PLAIN]),
    "another size": np.stack([cv2.resize(i, (100, 100)) for i in PLAIN]),
    "in colour": np.repeat(PLAIN[..., None], 3, axis=3),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_a_copy_is_found(name: str) -> None:
    found = copies_between(DISGUISES[name].astype(np.uint8), PLAIN)
    assert found.first.tolist() == found.second.tolist() == list(range(COUNT))
    assert not found.mirrored.any()


def test_a_mirrored_copy_is_found_and_said_to_be_mirrored() -> None:
    found = copies_between(np.ascontiguousarray(PLAIN[:, :, ::-1]), PLAIN)
    assert found.first.tolist() == found.second.tolist() == list(range(COUNT))
    assert found.mirrored.all()


def test_different_pictures_are_no_copies() -> None:
    assert len(copies_between(pictures(1), PLAIN)) == 0
    assert len(copies_within(PLAIN)) == 0


def test_flat_pictures_are_copies_of_nothing() -> None:
    assert len(copies_within(np.full((4, 48, 48), 128, np.uint8))) == 0


def test_within_a_set_each_pair_counts_once() -> None:
    found = copies_within(np.concatenate([PLAIN, np.ascontiguousarray(PLAIN[:3, :, ::-1])]))
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(i, COUNT + i) for i in range(3)]
    assert found.mirrored.all()


def linked(shading: float) -> UInt8Array:
    """Two crops of one picture, eight of each, too far apart to be told as copies but for the last of both, 7 and 8.

    Args:
        shading: of those two, opposite; the more, the more alike to one are the other crop's seven beside its last.
    """
    canvas = pictures(14, 1, 128)[0].astype(np.float32)
    ramp = np.linspace(-shading, shading, 48, dtype=np.float32)[:, None]

    def crop(shift: int, contrast: float, shade: float = 0.0) -> FloatArray:
        return np.asarray(canvas[40:88, 20 + shift : 68 + shift] * contrast + 20 + shade * ramp, np.float32)

    contrasts = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
    first, second = ([crop(shift, contrast) for contrast in contrasts] for shift in (0, 15))
    images = np.stack([*first, crop(4, 0.75, 1), crop(11, 0.75, -1), *second])
    return np.asarray(np.clip(images, 0, 255), np.uint8)


@pytest.mark.parametrize("shading", [0.0, 20.0])
def test_large_groups_that_one_pair_links_are_one_whatever_the_order(shading: float) -> None:
    images = linked(shading)
    for order in (np.arange(16), np.random.default_rng(0).permutation(16)):
        assert joined(16, copies_within(images[order])).max() == 0
    apart = np.delete(images, [7, 8], axis=0)
    assert joined(14, copies_within(apart)).tolist() == [0] * 7 + [1] * 7


def test_groups_as_small_as_the_first_look_are_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.concatenate([linked(0.0)[[2, 3, 4, 5, 6, 9, 10, 11, 12, 13]], PLAIN])
    found = copies_within(images)
    assert np.bincount(joined(len(images), found)).max() == duplicates.CANDIDATES
    monkeypatch.setattr(duplicates, "REACH", 0)
    first = copies_within(images)
    for name in ("first", "second", "score", "mirrored"):
        assert np.array_equal(getattr(found, name), getattr(first, name))


@given(
    st.integers(1, 20).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))))
    )
)
def test_rows_joined_through_others_share_a_group(case: tuple[int, list[tuple[int, int]]]) -> None:
    count, links = case
    pairs = np.array(links, np.intp).reshape(-1, 2)
    number = joined(
        count, Copies(pairs[:, 0], pairs[:, 1], np.ones(len(pairs), np.float32), np.zeros(len(pairs), np.bool_))
    )
    reach = np.eye(count, dtype=bool)
    for a, b in links:
        reach[a, b] = reach[b, a] = True
    for middle in range(count):
        reach |= reach[:, middle, None] & reach[None, middle, :]
    assert (reach == (number[:, None] == number[None, :])).all()
