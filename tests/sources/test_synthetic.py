"""A composed hall: what is drawn is what its truth says, and the same specification is the same hall."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mien.core.errors import InputError, MediaTooLargeError, SettingsError, UnsupportedMediaError
from mien.core.faces import FaceDetector, Faces, UInt8Array
from mien.core.labels import EMOTIONS
from mien.core.settings import SamplingSettings
from mien.sources import open_source
from mien.sources._hall_heads import Look, draw_head
from mien.sources.file import FileSource
from mien.sources.synthetic import (
    Absence,
    Hall,
    HallSource,
    HallSpec,
    Mood,
    PicturePool,
    SeatMoods,
    create,
    keep_detectable,
    load_pictures,
    load_spec,
)

SMALL = HallSpec(width=320, height=240, rows=2, columns=3, face_px=(32.0, 40.0), duration_seconds=4.0, frame_rate=10.0)


def drawn_pool(each: int = 4) -> PicturePool:
    """Grey pictures, several of each emotion, the brighter the later their emotion stands in the canonical order."""
    emotions = np.repeat(np.arange(len(EMOTIONS)), each)
    generator = np.random.default_rng(5)
    images = [
        np.clip(generator.normal(60 + 20 * int(emotion), 8, (24, 24)), 0, 255).astype(np.uint8) for emotion in emotions
    ]
    votes = 0.8 * np.eye(len(EMOTIONS), dtype=np.float32)[emotions] + 0.2 / len(EMOTIONS)
    return PicturePool(images, emotions, votes.astype(np.float32))


POOL = drawn_pool()


def hall(**changes: object) -> Hall:
    return Hall(HallSpec.model_validate({**SMALL.model_dump(), **changes}), POOL)


def votes_npz(path: Path, votes: list[list[int]]) -> Path:
    images = np.zeros((len(votes), 8, 8), np.uint8)
    np.savez(path, images=images, votes=np.array(votes, np.uint8))
    return path


class TestTruth:
    def test_every_seat_is_taken_and_feels_what_the_schedule_says(self) -> None:
        made = hall(moods=[Mood(emotion="neutral"), Mood(at_seconds=2, emotion="fear")])
        assert made.truth(1.99).emotion_counts == {**dict.fromkeys(EMOTIONS, 0), "neutral": 6}
        assert made.truth(2.0).emotion_counts == {**dict.fromkeys(EMOTIONS, 0), "fear": 6}
        assert list(made.truth(0.0).seats) == [0, 1, 2, 3, 4, 5]

    @given(st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any), st.integers(0, 9))
    @settings(deadline=None, max_examples=30)
    def test_weights_are_rounded_to_whole_seats(self, shares: list[int], seed: int) -> None:
        weights_of = dict(zip(("happiness", "fear", "anger"), map(float, shares), strict=True))
        made = hall(rows=2, columns=3, moods=[Mood(weights=weights_of)], seed=seed)
        counts = made.truth(0.0).emotion_counts
        assert sum(counts.values()) == 6
        for name, weight in weights_of.items():
            assert abs(counts[name] - 6 * weight / sum(shares)) < 1
            assert weight > 0 or counts[name] == 0

    def test_who_feels_first_as_the_share_grows_goes_on_feeling(self) -> None:
        growing = [Mood(at_seconds=k, weights={"fear": k, "neutral": 6 - k}) for k in range(1, 6)]
        made = hall(moods=[Mood(emotion="neutral"), *growing], duration_seconds=6)
        afraid: set[int] = set()
        for second in range(6):
            told = made.truth(float(second))
            now = {int(s) for s, e in zip(told.seats, told.emotions, strict=True) if e == "fear"}
            assert afraid <= now
            assert len(now) == second
            afraid = now

    @pytest.mark.parametrize("seed", range(8))
    def test_two_seats_share_a_picture_only_when_pictures_run_out(self, seed: int) -> None:
        """Six seats over six pictures an emotion, each with a past of its own; then over two."""
        moods = [Mood(at_seconds=k, weights={"fear": 1 + k % 5, "neutral": 5 - k % 5}) for k in range(12)]
        spec = HallSpec.model_validate({**SMALL.model_dump(), "moods": moods, "duration_seconds": 12, "seed": seed})
        for each, most in ((6, 1), (2, 3)):
            seats = Hall(spec, drawn_pool(each)).seats
            for second in range(12):
                shown = Counter(seat.shown(float(second), 0.0).picture for seat in seats)
                assert max(shown.values()) <= most, second

    def test_what_comes_first_is_felt_from_the_start(self) -> None:
        made = hall(moods=[Mood(at_seconds=3, emotion="neutral"), Mood(at_seconds=1, emotion="fear")])
        assert [made.truth(t).emotions[0] for t in (0.0, 2.9, 3.0)] == ["fear", "fear", "neutral"]

    def test_some_seats_have_a_schedule_of_their_own(self) -> None:
        made = hall(seat_moods=[SeatMoods(seats=(1, 4), moods=(Mood(emotion="anger"),))])
        told = made.truth(0.0)
        assert [e == "anger" for e in told.emotions] == [False, True, False, False, True, False]

    @pytest.mark.parametrize("seed", range(6))
    def test_weights_are_of_the_seats_that_share_a_schedule(self, seed: int) -> None:
        halves = SeatMoods(seats=(0, 1, 2, 3), moods=(Mood(weights={"happiness": 1, "anger": 1}),))
        whole_hall = [Mood(weights={"fear": 1, "neutral": 1})]
        made = hall(rows=2, columns=4, face_px=(28, 32), moods=whole_hall, seat_moods=[halves], seed=seed)
        told = made.truth(0.0)
        assert Counter(told.emotions[:4]) == {"happiness": 2, "anger": 2}
        assert Counter(told.emotions[4:]) == {"fear": 2, "neutral": 2}

    def test_an_absent_seat_is_not_told_until_it_is_taken_again(self) -> None:
        made = hall(absences=[Absence(seats=(2,), from_seconds=1, to_seconds=2)])
        assert [made.truth(t).head_count for t in (0.9, 1.0, 1.9, 2.0)] == [6, 5, 5, 6]
        assert 2 not in made.truth(1.5).seats

    def test_an_empty_hall_has_no_distribution(self) -> None:
        told = hall(absences=[Absence()]).truth(0.0)
        assert (told.head_count, told.emotions) == (0, ())
        np.testing.assert_array_equal(told.distribution, np.zeros(8))

    def test_the_distribution_is_the_mean_of_what_people_saw(self) -> None:
        told = hall(moods=[Mood(weights={"fear": 1, "happiness": 1})]).truth(0.0)
        expected = np.full(8, 0.2 / 8)
        expected[[EMOTIONS.index("fear"), EMOTIONS.index("happiness")]] += 0.4
        np.testing.assert_allclose(told.distribution, expected, atol=1e-6)

    def test_a_fade_blends_what_people_saw_and_changes_its_name_in_the_middle(self) -> None:
        made = hall(moods=[Mood(emotion="neutral"), Mood(at_seconds=1, emotion="fear")], fade_seconds=1.0)
        shares = [made.truth(t).distribution[EMOTIONS.index("fear")] for t in (1.0, 1.25, 1.5, 1.75, 2.0)]
        np.testing.assert_allclose(shares, 0.025 + 0.8 * np.array([0, 0.25, 0.5, 0.75, 1]), atol=1e-6)
        assert set(made.truth(1.4).emotions) == {"neutral"}
        assert set(made.truth(1.6).emotions) == {"fear"}

    def test_boxes_follow_the_sway_and_stay_in_the_picture(self) -> None:
        made = hall(sway_px=3.0, sway_seconds=2.0, face_px=(28.0, 32.0))
        boxes = np.stack([made.truth(t).boxes for t in np.arange(0, 4, 0.05)])
        moved = boxes[:, :, :2] - np.stack([[s.left, s.top] for s in made.seats])
        spread = moved.max(axis=0) - moved.min(axis=0)
        assert (np.abs(spread[:, 0] - 6) < 0.2).all()
        assert (np.abs(spread[:, 1] - 3) < 0.6).all()
        assert boxes.min() >= 0
        assert boxes[..., 2].max() <= 320
        assert boxes[..., 3].max() <= 240


class TestPicture:
    def test_a_frame_is_the_same_whatever_was_drawn_before(self) -> None:
        moods = [Mood(emotion="neutral"), Mood(at_seconds=0.3, emotion="fear")]
        lively = {"sway_px": 2.0, "noise": 3.0, "fade_seconds": 0.5, "face_px": (28.0, 32.0), "moods": moods}
        forth, back = hall(**lively), hall(**lively)
        expected = [forth.render(k) for k in range(8)]
        for k in reversed(range(8)):
            np.testing.assert_array_equal(back.render(k), expected[k])

    def test_the_seed_decides_everything(self) -> None:
        one, same, other = (hall(seed=s).render(0) for s in (1, 1, 2))
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()

    def test_another_seed_moves_seats_chooses_others_and_shows_other_pictures(self) -> None:
        mixed = [Mood(weights={"fear": 1, "neutral": 1})]
        made = [hall(seed=seed, moods=mixed, rows=3, columns=4, face_px=(24.0, 32.0)) for seed in range(4)]
        assert len({tuple((s.left, s.top, s.side) for s in m.seats) for m in made}) == 4
        assert len({m.truth(0.0).emotions for m in made}) > 2
        alike = [hall(seed=seed) for seed in range(4)]
        assert len({tuple(s.shown(0.0, 0.0).picture for s in m.seats) for m in alike}) > 2

    def test_a_drawn_frame_belongs_to_its_receiver(self) -> None:
        made = hall()
        made.render(0)[:] = 0
        assert made.render(0).any()

    def test_each_seat_shows_its_own_picture_at_its_own_place(self) -> None:
        """Pictures are the brighter the later their emotion: what is drawn in a box tells which one it is."""
        made = hall(seat_moods=[SeatMoods(seats=(3,), moods=(Mood(emotion="contempt"),))])
        told, image = made.truth(0.0), made.render(0)
        levels = []
        for x1, y1, x2, y2 in told.boxes.astype(int):
            levels.append(float(np.median(image[y1 + 10 : y2 - 10, x1 + 10 : x2 - 10])))
        np.testing.assert_allclose(levels, [200 if s == 3 else 60 for s in told.seats], atol=6)

    def test_a_head_goes_on_as_its_pictures_edge_does(self) -> None:
        """Brighter to the right, as light from a side: no hood of another shade around the face."""
        picture = np.tile(np.linspace(60, 180, 48).round().astype(np.uint8), (48, 1))
        head = draw_head(picture, 48, Look(clothes=(0.0, 0.0, 200.0), head=1.1))
        place = np.s_[head.top : head.top + 48, head.left : head.left + 48]
        middle = np.abs(head.colour[place][..., 0].astype(int) - picture)
        assert middle[6:42, 6:42].max() == 0
        assert middle[:, 12:36].max() <= 2
        assert middle[12:32].max() <= 2
        above, beside = head.colour[head.top - 8, :, 0], head.colour[head.top + 24, :, 0]
        np.testing.assert_allclose(above[head.left + 10 : head.left + 38], picture[0, 10:38], atol=3)
        assert abs(int(beside[head.left + 49]) - 180) < 6
        assert head.cover[head.top - 8, head.left + 24] == 1

    def test_an_absence_and_a_change_of_mood_are_seen(self) -> None:
        made = hall(absences=[Absence(seats=(0,), from_seconds=1.0)])
        before, after = made.render(9), made.render(10)
        x1, y1, x2, y2 = made.truth(0.0).boxes[0].astype(int)
        assert np.abs(before[y1:y2, x1:x2].astype(int) - after[y1:y2, x1:x2]).mean() > 10
        np.testing.assert_array_equal(before[:, 160:], after[:, 160:])

    def test_a_fade_is_seen_to_blend(self) -> None:
        moods = [Mood(emotion="neutral"), Mood(at_seconds=1, emotion="contempt")]
        made = hall(moods=moods, fade_seconds=1.0)
        before, middle, after = (made.render(k).astype(float) for k in (9, 15, 20))
        # Both heads cover their soft rim, a few steps more than either alone.
        np.testing.assert_allclose(middle, (before + after) / 2, atol=6)
        assert np.abs(after - before).max() > 100

    def test_a_head_moves_by_parts_of_a_pixel(self) -> None:
        """One slow sway passes through more places than it has pixels."""
        made = hall(rows=1, columns=1, sway_px=1.0, sway_seconds=4.0)
        drawn = {made.render(k).tobytes() for k in range(40)}
        assert len(drawn) > 10

    def test_darkness_leaves_its_share_of_the_light(self) -> None:
        light, dark = hall().render(0).astype(float), hall(exposure=0.25).render(0).astype(float)
        np.testing.assert_allclose(dark, light * 0.25, atol=0.51)

    def test_noise_has_its_deviation_and_is_drawn_anew_each_frame(self) -> None:
        clean, noisy = hall(exposure=0.6), hall(exposure=0.6, noise=4.0)
        bright = clean.render(0) > 30
        first, second = ((noisy.render(k).astype(float) - clean.render(k))[bright] for k in (0, 1))
        assert first.std() == pytest.approx(4.0, abs=0.3)
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.1

    def test_an_infrared_picture_has_no_colour(self) -> None:
        image = hall(grey=True, noise=2.0).render(0)
        assert (image[..., 0] == image[..., 1]).all()
        assert (image[..., 0] == image[..., 2]).all()

    def test_blur_takes_detail(self) -> None:
        sharp, soft = (cv2.Laplacian(hall(blur_px=b).render(0), cv2.CV_32F).std() for b in (0.0, 1.5))
        assert soft < 0.4 * sharp


class TestSource:
    def test_it_is_marked_as_a_demonstration(self) -> None:
        info = HallSource(hall()).info
        assert info.demo
        assert (info.kind, info.width, info.height, info.frame_count) == ("synthetic", 320, 240, 40)
        assert info.duration_seconds == pytest.approx(4.0)

    def test_its_hash_covers_settings_and_pictures(self) -> None:
        hashes = {
            HallSource(hall()).info.sha256,
            HallSource(hall(seed=1)).info.sha256,
            HallSource(Hall(SMALL, drawn_pool(3))).info.sha256,
            HallSource(Hall(SMALL, replace(POOL, votes=POOL.votes[::-1].copy()))).info.sha256,
            HallSource(Hall(SMALL, replace(POOL, images=POOL.images[::-1]))).info.sha256,
            HallSource(Hall(SMALL, replace(POOL, emotions=POOL.emotions[::-1].copy()))).info.sha256,
        }
        assert len(hashes) == 6
        assert HallSource(hall()).info.sha256 in hashes

    @pytest.mark.parametrize(
        ("sampling", "times"),
        [
            (SamplingSettings(every_nth=10), [0.0, 1.0, 2.0, 3.0]),
            (SamplingSettings(sample_hz=2.0), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]),
        ],
    )
    def test_only_what_is_sampled_is_drawn(self, sampling: SamplingSettings, times: list[float]) -> None:
        source = HallSource(hall(), sampling)
        frames = list(source)
        assert [f.media_time for f in frames] == pytest.approx(times)
        assert source.info.frame_count == len(frames)
        np.testing.assert_array_equal(frames[1].image, source.hall.render(frames[1].index))

    def test_after_it_was_closed_it_can_be_read_from_the_start(self) -> None:
        source = HallSource(hall())
        frames = iter(source)
        next(frames)
        source.close()
        assert list(frames) == []
        assert [f.index for f in source] == list(range(40))

    def test_what_is_written_as_a_film_is_read_back(self, tmp_path: Path) -> None:
        made = hall(duration_seconds=1.0)
        made.write_video(tmp_path / "hall.mp4", crf=4)
        frames = list(FileSource(tmp_path / "hall.mp4", SamplingSettings()))
        assert [f.media_time for f in frames] == pytest.approx([k / 10 for k in range(10)])
        assert np.abs(frames[3].image.astype(int) - made.render(3)).mean() < 4


class TestSpecification:
    def test_a_file_becomes_a_source(self, tmp_path: Path) -> None:
        votes_npz(tmp_path / "faces.npz", [[10] + [0] * 9] * 6)
        (tmp_path / "hall.yaml").write_text(
            "faces: faces.npz\nrows: 1\ncolumns: 2\nwidth: 320\nheight: 240\nface_px: [32, 40]\n"
        )
        source = open_source(f"synthetic:{tmp_path / 'hall.yaml'}", SamplingSettings(every_nth=100))
        assert source.info.name == "hall"
        assert next(iter(source)).image.shape == (240, 320, 3)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("moods: [{emotion: joy}]", "unknown emotion 'joy': choose from neutral, happiness"),
            ("moods: [{at_seconds: 1}]", "either an emotion or weights"),
            ("moods: [{emotion: fear, weights: {fear: 1}}]", "either an emotion or weights"),
            ("moods: [{weights: {fear: -1}}]", "weights are not negative"),
            ("moods: [{weights: {fear: 0}}]", "and one is positive"),
            ("moods: [{weights: {joy: 1}}]", "unknown emotion 'joy'"),
            ("moods: [{weights: {fear: .nan}}]", "moods.0.weights.fear: Input should be a finite number"),
            ("moods: []", "at least one mood"),
            ("duration_seconds: .inf", "duration_seconds: Input should be a finite number"),
            ("absences: [{from_seconds: 5, to_seconds: 3}]", "begins before it ends, not at 5 until 3"),
            ("seat_moods: [{seats: [50], moods: [{emotion: fear}]}]", "seats are numbered 0 to 49"),
            ("seat_moods: [{seats: [1, 2, 1], moods: [{emotion: fear}]}]", "seat_moods name seat 1 twice"),
            ("sway_px: 50", "do not fit into 1280×720"),
            ("{rows: 10, columns: 2}", "10×2 faces of 64 px do not fit"),
            ("absences: [{seats: [50]}]", "seats are numbered 0 to 49"),
            ("rows: 1000000000", "rows: Input should be less than or equal to 2048"),
            ("face_px: [60, 48]", "a least and a largest side"),
            ("face_px: [48, 400]", "do not fit into 1280×720"),
            ("colums: 3", "colums"),
            ("width: wide\nheight: -2", "height"),
            ("- 3", "not a YAML mapping"),
            ("a: [", "cannot be read as YAML"),
            ("rows: 2\nwidth: 640\nrows: 3", "line 3: rows is given in line 1 already"),
            ("seed: 2026-13-45", "seed: Input should be a valid integer"),
        ],
    )
    def test_what_makes_no_sense_is_named(self, text: str, told: str, tmp_path: Path) -> None:
        path = tmp_path / "hall.yaml"
        path.write_text(text)
        with pytest.raises(SettingsError) as caught:
            load_spec(path)
        assert told in str(caught.value)
        assert str(path) in str(caught.value)

    def test_another_encoding_is_told_with_its_line(self, tmp_path: Path) -> None:
        path = tmp_path / "hall.yaml"
        path.write_bytes("rows: 2\n# für\n".encode("latin-1"))
        with pytest.raises(SettingsError, match=r"the hall .*hall\.yaml: line 2 is not UTF-8"):
            load_spec(path)

    def test_no_file_no_faces_and_no_such_emotion_are_told(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"absent\.yaml"):
            load_spec(tmp_path / "absent.yaml")
        with pytest.raises(SettingsError, match="set 'faces'"):
            Hall(SMALL)
        with pytest.raises(SettingsError, match="asks for fear, but its pictures show none"):
            Hall(HallSpec(moods=(Mood(emotion="fear"),)), POOL.select(POOL.of("neutral")))

    @pytest.mark.parametrize(
        ("text", "told"), [("rows: 1\n", "set 'faces'"), ("faces: f.npz\nmoods: [{emotion: fear}]\n", "asks for fear")]
    )
    def test_a_specification_that_cannot_be_seated_is_named(self, text: str, told: str, tmp_path: Path) -> None:
        votes_npz(tmp_path / "f.npz", [[10] + [0] * 9])
        (tmp_path / "hall.yaml").write_text(text)
        with pytest.raises(SettingsError, match=rf"hall\.yaml: .*{told}"):
            create(f"synthetic:{tmp_path / 'hall.yaml'}", SamplingSettings())

    def test_a_hall_of_too_many_pixels_is_refused_before_it_is_drawn(self, tmp_path: Path) -> None:
        (tmp_path / "hall.yaml").write_text("width: 16384\nheight: 16384\n")
        with pytest.raises(MediaTooLargeError):
            create(f"synthetic:{tmp_path / 'hall.yaml'}", SamplingSettings())

    def test_a_hall_is_at_least_one_frame(self) -> None:
        assert HallSpec(duration_seconds=0.001).frame_count == 1
        with pytest.raises(ValidationError):
            HallSpec(duration_seconds=0)


class TestPictures:
    def test_only_pictures_that_people_agree_on_are_taken(self, tmp_path: Path) -> None:
        rows = [
            [0, 9, 1, 0, 0, 0, 0, 0, 0, 0],
            [5, 5, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 6, 4, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 9, 1],
            [1, 1, 1, 0, 3, 1, 1, 1, 1, 0],
        ]
        pool = load_pictures(votes_npz(tmp_path / "f.npz", rows))
        assert [EMOTIONS[e] for e in pool.emotions] == ["happiness", "fear", "anger"]
        np.testing.assert_allclose(pool.votes[0, 1:3], [0.9, 0.1], atol=1e-6)

    def test_a_folder_holds_a_sub_folder_for_each_emotion(self, tmp_path: Path) -> None:
        for name, shade in (("fear", 10), ("happiness", 200)):
            (tmp_path / name).mkdir()
            cv2.imwrite(str(tmp_path / name / "a.png"), np.full((30, 40, 3), shade, np.uint8))
        pool = load_pictures(tmp_path)
        assert [EMOTIONS[e] for e in pool.emotions] == ["happiness", "fear"]
        assert [image.shape for image in pool.images] == [(30, 30, 3)] * 2
        assert [int(image.mean()) for image in pool.images] == [200, 10]

    def test_large_pictures_of_a_folder_are_kept_small(self, tmp_path: Path) -> None:
        (tmp_path / "fear").mkdir()
        cv2.imwrite(str(tmp_path / "fear" / "a.png"), np.full((700, 500, 3), 90, np.uint8))
        (image,) = load_pictures(tmp_path).images
        assert image.shape == (256, 256, 3)
        assert (image == 90).all()

    def test_what_is_no_set_of_pictures_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such pictures"):
            load_pictures(tmp_path / "absent.npz")
        np.savez(tmp_path / "half.npz", images=np.zeros((2, 8, 8), np.uint8))
        with pytest.raises(UnsupportedMediaError, match=r"half\.npz.*votes is not a file"):
            load_pictures(tmp_path / "half.npz")
        np.savez(tmp_path / "shape.npz", images=np.zeros((2, 8, 9), np.uint8), votes=np.zeros((2, 10), np.uint8))
        with pytest.raises(UnsupportedMediaError, match=r"expected images uint8 N×S×S"):
            load_pictures(tmp_path / "shape.npz")
        with pytest.raises(UnsupportedMediaError, match="voters agree"):
            load_pictures(votes_npz(tmp_path / "split.npz", [[5, 5] + [0] * 8]))
        with pytest.raises(UnsupportedMediaError, match="voters agree"):
            load_pictures(votes_npz(tmp_path / "unknown.npz", [[0] * 8 + [9, 1], [0] * 8 + [1, 9]]))
        (tmp_path / "empty").mkdir()
        with pytest.raises(UnsupportedMediaError, match="sub-folders named neutral, happiness"):
            load_pictures(tmp_path / "empty")

    @pytest.mark.parametrize("damage", ["text", "nothing", "cut", "flipped", "one array"])
    def test_a_file_that_is_no_whole_archive_is_refused_by_name(self, damage: str, tmp_path: Path) -> None:
        path = votes_npz(tmp_path / "faces.npz", [[10] + [0] * 9] * 3)
        whole = path.read_bytes()
        at = whole.index(b"\x93NUMPY") + 128
        np.save(tmp_path / "one.npy", np.zeros(3))
        content = {
            "text": b"no archive",
            "nothing": b"",
            "cut": whole[: len(whole) // 2],
            "flipped": whole[:at] + b"\xff" + whole[at + 1 :],
            "one array": (tmp_path / "one.npy").read_bytes(),
        }
        path.write_bytes(content[damage])
        with pytest.raises(UnsupportedMediaError, match=r"faces\.npz is not an npz"):
            load_pictures(path)

    @pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -3.0, "many"])
    def test_votes_that_are_no_counts_are_refused(self, wrong: float | str, tmp_path: Path) -> None:
        votes = np.array([[9, wrong, *[0] * 8]])
        np.savez(tmp_path / "faces.npz", images=np.zeros((1, 8, 8), np.uint8), votes=votes)
        with pytest.raises(UnsupportedMediaError, match=r"faces\.npz: votes are counts"):
            load_pictures(tmp_path / "faces.npz")


class _Bright(FaceDetector):
    """Finds one face where a picture is bright, at its truth box: a detector that misses the dark ones."""

    name, sha256 = "bright", "0" * 64

    def _detect(self, image: UInt8Array) -> Faces:
        mask = (cv2.GaussianBlur(image[..., 0], (5, 5), 0) > 170).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        found = [s for s in stats[1:count] if s[cv2.CC_STAT_AREA] > 200]
        boxes = np.array([[s[0], s[1], s[0] + s[2], s[1] + s[3]] for s in found], np.float32).reshape(-1, 4)
        points = np.repeat(boxes[:, None, :2], 5, axis=1)
        return Faces(boxes, np.full(len(boxes), 0.9, np.float32), points)


def test_pictures_whose_face_a_detector_misses_can_be_left_out() -> None:
    kept = keep_detectable(POOL, _Bright(), face_px=(64,))
    assert set(kept.emotions) == {6, 7}
