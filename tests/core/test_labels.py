"""Every label set is a view of the canonical eight, and no view makes or loses probability."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.labels import (
    CINEMA7,
    COMPOUND12,
    EKMAN_GROUPS,
    EMOTIONS,
    ENGAGEMENT5,
    FERPLUS8,
    INDEXED7,
    LABEL_SETS,
    STUDIO6,
    TEXT_EKMAN,
    TEXT_LABEL_SETS,
    TEXT_ORIGINAL,
    LabelSet,
    Pair,
    TextLabelSet,
    ekman_of,
    label_set,
    text_label_set,
    weigh,
)
from mien.core.settings import AudienceSettings, canonical_weights

Probabilities = npt.NDArray[np.float32]
ALL_SETS = pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=lambda s: s.name)


@st.composite
def faces(draw: st.DrawFn) -> Probabilities:
    """One to four faces' canonical probabilities: any, and those with nothing at all on most emotions."""
    share = st.one_of(st.just(0.0), st.floats(1e-4, 1.0))
    rows = draw(st.lists(st.lists(share, min_size=8, max_size=8).filter(any), min_size=1, max_size=4))
    values = np.array(rows, np.float64)
    return np.asarray(values / values.sum(axis=1, keepdims=True), np.float32)


def face(**shares: float) -> Probabilities:
    """One face by emotion; the rest is 0."""
    return np.array([[shares.get(emotion, 0.0) for emotion in EMOTIONS]], np.float32)


def shown(labels: LabelSet, probabilities: Probabilities) -> dict[str, float]:
    """The labels with a share, of one face."""
    row = labels.view(probabilities)[0]
    return {label: round(float(p), 5) for label, p in zip(labels.labels, row, strict=True) if p > 1e-6}


@ALL_SETS
@given(probabilities=faces())
@settings(max_examples=60, deadline=None)
def test_a_view_is_a_distribution(labels: LabelSet, probabilities: Probabilities) -> None:
    view = labels.view(probabilities)
    assert view.dtype == np.float32
    assert view.shape == (len(probabilities), len(labels))
    assert (view >= 0).all()
    assert np.allclose(view.sum(axis=1), 1.0, atol=1e-5)


@ALL_SETS
def test_a_face_without_any_mass_left_is_neutral(labels: LabelSet) -> None:
    left_out = set(EMOTIONS) - {name for source in labels.sources for name in source}
    for emotion in left_out:
        assert shown(labels, face(**{emotion: 1.0})) == {"neutral": 1.0}


@ALL_SETS
def test_no_face_gives_no_row(labels: LabelSet) -> None:
    assert labels.view(np.zeros((0, 8), np.float32)).shape == (0, len(labels))


def test_the_canonical_view_is_the_identity() -> None:
    probabilities = np.array([[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.06, 0.04]], np.float32)
    assert np.allclose(FERPLUS8.view(probabilities), probabilities)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("cinema7", "angry disgust fear happy sad surprise neutral"),
        ("indexed7", "happy surprise sad anger disgust fear neutral"),
        ("studio6", "happy sad angry surprised disgust neutral"),
        ("engagement5", "angry happy neutral sad surprise"),
    ],
)
def test_labels_stand_in_their_published_order(name: str, labels: str) -> None:
    assert label_set(name).labels == tuple(labels.split())


def test_every_label_of_indexed7_and_cinema7_is_described() -> None:
    assert set(INDEXED7.descriptions) == set(INDEXED7.labels)
    assert set(CINEMA7.descriptions) == set(CINEMA7.labels)


class TestContempt:
    """FER+ knows contempt; most published sets do not, and each says where it goes."""

    FACE = face(happiness=0.5, disgust=0.2, contempt=0.3)

    def test_joins_disgust_in_cinema7(self) -> None:
        assert shown(CINEMA7, self.FACE) == {"happy": 0.5, "disgust": 0.5}

    def test_joins_disgust_in_studio6(self) -> None:
        assert shown(STUDIO6, self.FACE) == {"happy": 0.5, "disgust": 0.5}

    def test_is_left_out_of_indexed7(self) -> None:
        assert shown(INDEXED7, self.FACE) == {"happy": 0.71429, "disgust": 0.28571}

    def test_is_left_out_of_engagement5_with_disgust_and_fear(self) -> None:
        assert shown(ENGAGEMENT5, self.FACE) == {"happy": 1.0}

    def test_stands_for_itself_in_compound12(self) -> None:
        assert shown(COMPOUND12, face(contempt=1.0)) == {"contempt": 1.0}


def test_fear_is_surprise_where_a_set_has_no_fear() -> None:
    assert shown(STUDIO6, face(fear=0.6, sadness=0.4)) == {"surprised": 0.6, "sad": 0.4}


class TestCompounds:
    """A compound takes twice what its two parents share, half from each."""

    def test_is_whole_where_both_parents_share_the_face_equally(self) -> None:
        assert shown(COMPOUND12, face(happiness=0.5, surprise=0.5)) == {"happily surprised": 1.0}

    def test_vanishes_where_one_parent_is_absent(self) -> None:
        assert shown(COMPOUND12, face(sadness=0.7, neutral=0.3)) == {"sad": 0.7, "neutral": 0.3}

    def test_leaves_the_stronger_parent_its_rest(self) -> None:
        assert shown(COMPOUND12, face(sadness=0.7, anger=0.3)) == {"sadly angry": 0.6, "sad": 0.4}

    def test_two_compounds_share_a_parent_by_what_each_asks(self) -> None:
        got = shown(COMPOUND12, face(happiness=0.4, surprise=0.2, fear=0.4))
        assert got["happily surprised"] == pytest.approx(got["fearfully surprised"])
        assert "surprise" not in got

    def test_other_gets_nothing_from_the_eight(self) -> None:
        uniform = np.full((1, 8), 0.125, np.float32)
        assert "other" not in shown(COMPOUND12, uniform)

    @given(probabilities=faces())
    @settings(max_examples=100, deadline=None)
    def test_carving_conserves_mass_and_takes_no_more_than_there_is(self, probabilities: Probabilities) -> None:
        view = COMPOUND12.view(probabilities)
        column = COMPOUND12.index
        singles = view[:, : len(EMOTIONS)]
        assert view.sum(axis=1) == pytest.approx(np.ones(len(view)), abs=1e-5)
        names = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
        for position, name in enumerate(names):
            halves = sum(
                (view[:, column(pair.label)] / 2 for pair in COMPOUND12.pairs if EMOTIONS[position] in _parents(pair)),
                start=np.zeros(len(view)),
            )
            assert np.allclose(singles[:, column(name)] + halves, probabilities[:, position], atol=1e-5)

    @given(low=st.floats(0.05, 0.45))
    def test_does_not_ask_which_parent_is_stronger(self, low: float) -> None:
        one = shown(COMPOUND12, face(happiness=low, surprise=1 - low))
        other = shown(COMPOUND12, face(happiness=1 - low, surprise=low))
        assert one["happily surprised"] == pytest.approx(other["happily surprised"], abs=1e-5)


def _parents(pair: Pair) -> tuple[str, str]:
    return pair.first, pair.second


def test_averaging_and_viewing_do_not_commute() -> None:
    two = np.concatenate([face(happiness=1.0), face(contempt=0.9, sadness=0.1)])
    each_first = INDEXED7.view(two).mean(axis=0)
    mean_first = INDEXED7.view(two.mean(axis=0, keepdims=True))[0]
    assert not np.allclose(each_first, mean_first, atol=0.1)


def test_an_unknown_set_or_label_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown label set 'emoji9': choose one of ferplus8, cinema7"):
        label_set("emoji9")
    with pytest.raises(ValueError, match="'joy' is not in label set cinema7"):
        CINEMA7.index("joy")


def test_a_set_must_be_whole() -> None:
    with pytest.raises(ValueError, match="2 labels, 1 sources"):
        LabelSet("bad", ("a", "b"), (("fear",),))
    with pytest.raises(ValueError, match="repeats a label"):
        LabelSet("bad", ("a", "a"), ((), ()))


@pytest.mark.parametrize("shape", [(8,), (2, 7), (1, 2, 8)])
def test_only_rows_of_eight_are_viewed(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected N×8"):
        CINEMA7.view(np.zeros(shape, np.float32))


ALL_TEXT_SETS = pytest.mark.parametrize("labels", TEXT_LABEL_SETS.values(), ids=lambda s: s.name)


def test_the_words_of_texts_and_faces_are_one_vocabulary() -> None:
    assert dict(zip(TEXT_EKMAN.labels, TEXT_EKMAN.faces, strict=True)) == {
        "joy": "happiness", "sadness": "sadness", "anger": "anger", "fear": "fear", "disgust": "disgust",
        "surprise": "surprise", "neutral": "neutral",
    }  # fmt: skip
    for group, members in EKMAN_GROUPS.items():
        for label in members:
            assert TEXT_ORIGINAL.faces[TEXT_ORIGINAL.index(label)] == TEXT_EKMAN.faces[TEXT_EKMAN.index(group)]


def test_every_one_of_the_28_is_in_one_group() -> None:
    members = [label for group in EKMAN_GROUPS.values() for label in group]
    assert sorted(members) == sorted(TEXT_ORIGINAL.labels)
    assert len(TEXT_ORIGINAL) == 28


@ALL_TEXT_SETS
@given(data=st.data())
def test_a_text_in_the_words_of_faces_is_a_distribution_without_contempt(
    labels: TextLabelSet, data: st.DataObject
) -> None:
    row = data.draw(st.lists(st.floats(0, 1, width=32), min_size=len(labels), max_size=len(labels)))
    shares = labels.as_faces(np.array([row], np.float32))[0]
    assert shares.sum() == pytest.approx(1, abs=1e-5) if max(row) > 1e-30 else shares.sum() in (0, pytest.approx(1))
    assert shares[EMOTIONS.index("contempt")] == 0
    strongest = labels.faces[int(np.argmax(row))]
    assert shares[EMOTIONS.index(strongest)] == shares.max()


def test_a_text_that_was_not_read_has_no_share_of_anything() -> None:
    assert TEXT_EKMAN.as_faces(np.zeros((1, 7), np.float32)).sum() == 0


def test_the_seven_are_the_strongest_of_their_groups() -> None:
    p = np.zeros((1, 28), np.float32)
    p[0, [TEXT_ORIGINAL.index("gratitude"), TEXT_ORIGINAL.index("joy"), TEXT_ORIGINAL.index("curiosity")]] = (
        0.5,
        0.2,
        0.3,
    )
    seven = dict(zip(TEXT_EKMAN.labels, ekman_of(p)[0], strict=True))
    assert seven["joy"] == np.float32(0.5)
    assert seven["surprise"] == np.float32(0.3)
    assert sum(seven.values()) == pytest.approx(0.8)


def test_an_unknown_text_set_or_label_lists_the_known_ones() -> None:
    assert text_label_set("ekman") is TEXT_EKMAN
    with pytest.raises(ValueError, match="unknown text label set 'plutchik': choose one of ekman, original"):
        text_label_set("plutchik")
    with pytest.raises(ValueError, match="'happiness' is not in text label set ekman"):
        TEXT_EKMAN.index("happiness")
    with pytest.raises(ValueError, match="boredom is no canonical emotion"):
        TextLabelSet("bad", ("bored",), ("boredom",))
    with pytest.raises(ValueError, match="expected N×28"):
        ekman_of(np.zeros((1, 7), np.float32))


def test_labels_made_of_nothing_but_what_is_left_out_are_named() -> None:
    assert LABEL_SETS["cinema7"].without(("contempt",)) == (), "disgust is still told"
    assert LABEL_SETS["cinema7"].without(("contempt", "disgust")) == ("disgust",)
    assert LABEL_SETS["studio6"].without(("fear",)) == ()
    assert LABEL_SETS["compound12"].without(("fear",)) == ("fear", "fearfully surprised")
    assert LABEL_SETS["ferplus8"].without(()) == ()


def test_labels_that_a_face_can_still_be_given_are_named() -> None:
    most = ("neutral", "fear", "disgust", "contempt", "happiness")
    assert LABEL_SETS["engagement5"].told_without(most) == ("angry", "sad", "surprise")
    assert LABEL_SETS["compound12"].told_without(most) == ("sad", "angry", "surprise", "sadly angry"), "never 'other'"


@given(
    st.lists(st.floats(0, 1, width=32), min_size=8, max_size=8).filter(lambda p: sum(p) > 1e-3),
    st.sets(st.sampled_from(EMOTIONS), max_size=6),
)
def test_shares_of_what_is_left_out_go_to_the_others_in_proportion(shares: list[float], left_out: set[str]) -> None:
    told = np.array([shares], np.float32) / np.float32(sum(shares))
    weights = np.array(canonical_weights(AudienceSettings(left_out=tuple(left_out))), np.float32)
    found = weigh(told, weights)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert (found[0, weights == 0] == 0).all()
    rest = told[0, weights > 0]
    if rest.sum() > 1e-6:
        np.testing.assert_allclose(found[0, weights > 0], rest / rest.sum(), rtol=1e-4, atol=1e-6)


def test_a_face_that_showed_nothing_else_is_neutral_or_all_alike() -> None:
    fear = np.eye(8, dtype=np.float32)[[EMOTIONS.index("fear")]]
    without_fear = np.array(canonical_weights(AudienceSettings(left_out=("fear",))), np.float32)
    assert weigh(fear, without_fear)[0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    without_both = np.array(canonical_weights(AudienceSettings(left_out=("fear", "neutral"))), np.float32)
    assert weigh(fear, without_both)[0].tolist() == pytest.approx([0, *[1 / 6] * 5, 0, 1 / 6])
