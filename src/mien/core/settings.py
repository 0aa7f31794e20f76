"""Settings: frozen, validated, with units in the names. Built at the entry point and handed down.

A profile is a documented set of settings for one kind of audience (:data:`PROFILES`); every field can be overridden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mien.core.errors import SettingsError
from mien.core.labels import EMOTIONS, LABEL_SETS
from mien.core.operating import PointName


class Settings(BaseModel):
    """Base of every settings object: immutable, and an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InferenceSettings(Settings):
    """How neural networks are run."""

    threads: int = Field(1, ge=0)
    """Threads of one graph; 0 takes every core."""
    providers: tuple[str, ...] = ()
    """ONNX Runtime execution providers to try in order; empty for the best that is installed."""


class SamplingSettings(Settings):
    """Which frames of a source are read."""

    every_nth: int = Field(1, ge=1)
    """Read every Nth frame (1 reads all)."""
    sample_hz: float | None = Field(None, gt=0)
    """Read at most this many frames a second of media time; overrides ``every_nth``."""
    max_pixels: int = Field(40_000_000, gt=0)
    """Largest width × height that is decoded; more is refused from the header alone."""
    max_total_pixels: float = Field(2e13, gt=0)
    """Largest width × height × declared frames; more is refused from the header alone."""


SECOND_LOOK_MAX_SIDE_PX: Final = 1280


class DetectionSettings(Settings):
    """How faces are found."""

    threshold: float = Field(0.5, gt=0, lt=1)
    """Least confidence of a face, 0–1."""
    detect_every: int = Field(1, ge=1)
    """Run the detector on every kth frame that is read; faces are followed by motion between."""
    max_faces: int = Field(50, ge=1)
    """Faces read a frame, strongest first; the others count as unread (``over_cap``)."""
    max_side_px: int | None = Field(None, ge=64)
    """Shrink the picture the detector sees until its longer side is at most this; None leaves it."""
    second_look: float | None = Field(2.0, gt=1, le=4)
    """Where nothing is found, look again at the frame enlarged this many times; None looks once. Frames whose longer
    side exceeds :data:`SECOND_LOOK_MAX_SIDE_PX` are never enlarged."""
    tile_px: int | None = Field(None, ge=128)
    """Search overlapping tiles of this side at full size, for tiny faces in large frames; None does not tile."""
    fallback: str | None = None
    """A second detector, by name, that looks where the first has found nothing for a while; None has none."""
    fallback_after_seconds: float = Field(2.0, ge=0)
    """How long the first must have found nothing, in media time; it looks no more once the first finds a face."""


class LightSettings(Settings):
    """When a picture is dark, and is made brighter before it is searched and read (see ``light.py``)."""

    prepare: bool = True
    """Prepare dark pictures; a lit one is left exactly as it is."""
    dark_below: float = Field(30.0, ge=0, le=255)
    """A picture is dark whose luma stays below this in all but its brightest hundredth, 0–255…"""
    lit_above: float = Field(45.0, ge=0, le=255)
    """…and is so until that exceeds this."""
    most_blur_px: float = Field(3.0, ge=0)
    """Most that noise is smoothed by, pixels (a Gaussian's deviation)."""


class QualitySettings(Settings):
    """When a face is readable. What fails one of these is unread, with its reason counted."""

    min_face_px: float = Field(40.0, ge=0)
    """Least length of the box's shorter side, pixels."""
    min_sharpness: float = Field(0.12, ge=0, le=1)
    """Least sharpness for the face's size (see ``quality.py``)."""
    max_yaw_degrees: float = Field(60.0, ge=0)
    max_pitch_degrees: float = Field(50.0, ge=0)
    max_cut_off: float = Field(0.25, ge=0, le=1)
    """Largest share of the box that may lie outside the frame."""


class ReadingSettings(Settings):
    """How often a face is read."""

    hz: float | None = Field(None, gt=0)
    """Read each face this often, in turns; between, it keeps its last reading while it stays in view and readable by
    its shape. None reads it in every frame."""


class TrackingSettings(Settings):
    """How faces are followed: motion and overlap only."""

    min_iou: float = Field(0.2, ge=0, le=1)
    """Least overlap between where a face was expected and where one was found."""
    lost_after_seconds: float = Field(0.7, ge=0)
    """A face unseen for longer than this starts a new track when it returns."""


class SmoothingSettings(Settings):
    """How one face's readings are steadied over time."""

    seconds: float = Field(0.036, ge=0)
    """Time constant of the exponential average; 0 turns it off. 0.036 s gives weight 0.6 to a new frame at 30 fps."""
    label_seconds: float = Field(0.1, ge=0)
    """A new label must stay strongest this long before it is shown. Never affects probabilities."""
    uncertain_below: float = Field(0.45, ge=0, le=1)
    """Below this top probability the label is withheld as ``uncertain``. Never affects probabilities."""
    operating_point: PointName = "plain"
    """How a label follows from the probabilities (see ``core/operating.py``). ``balanced`` calls rare emotions such as
    fear more often, at the price of false calls; a model that has no such point is read plainly. Never affects
    probabilities."""


OPERATING_POINTS: Final[tuple[PointName, ...]] = get_args(PointName)
Emotion = Literal["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"]
"""The canonical eight."""
Environment = Literal["classroom", "product_demo", "seminar", "general"]
ENVIRONMENTS: Final[tuple[Environment, ...]] = get_args(Environment)


class AudienceSettings(Settings):
    """What leaves the process."""

    min_group: int = Field(1, ge=1)
    """Faces readable at once below which a step is suppressed."""
    step_seconds: float = Field(0.5, ge=0)
    """Length of one step of the timeline; 0 makes one step of every frame read."""
    label_set: str = "ferplus8"
    neutral_weight: float = Field(1.0, gt=0, le=1)
    """Factor on neutral before renormalising; 0.7 is the published figure of the file service."""
    left_out: tuple[Emotion, ...] = ()
    """Emotions that are not to be told: their share of each face is given to the others in proportion. Scores that are
    made of one of them are withheld."""
    replicates: int = Field(200, ge=0)
    """Bootstrap replicates over tracks, for intervals; kept in memory only."""
    facing_yaw_degrees: float = Field(25.0, gt=0)
    """A face turned less than this from the screen, to either side, counts as facing it."""
    facing_pitch_degrees: float = Field(20.0, gt=0)
    """The same up and down; see ``screen_pitch_degrees``."""
    screen_yaw_degrees: float = Field(0.0, ge=-60, le=60)
    """Yaw of a face that looks at the screen, as this camera sees it: 0 where the camera sits at the screen; positive
    where such faces turn towards the picture's right."""
    screen_pitch_degrees: float | None = Field(None, ge=-60, le=60)
    """Pitch of a face that looks at the screen, as this camera sees it: positive where such faces look down. None does
    not look at pitch; nor is that of a face looked at whose pitch is not known (see ``headposes``)."""
    synchrony_seconds: float = Field(10.0, gt=0)
    """How far back synchrony looks."""
    environment: Environment = "general"
    """Kind of audience whose weights the engagement score uses."""

    @field_validator("left_out")
    @classmethod
    def _some_are_told(cls, left_out: tuple[Emotion, ...]) -> tuple[Emotion, ...]:
        """In canonical order, each once."""
        told = [e for e in EMOTIONS if e not in left_out]
        if len(told) < 2:
            raise ValueError("at least two emotions must be told")
        return tuple(e for e in get_args(Emotion) if e in left_out)

    @model_validator(mode="after")
    def _some_labels_are_told(self) -> Self:
        """With one label left, every face would get it, whatever it shows."""
        if self.left_out and self.label_set in LABEL_SETS:
            told = LABEL_SETS[self.label_set].told_without(self.left_out)
            if len(told) < 2:
                raise ValueError(
                    f"of the labels of {self.label_set} {told[0] if told else 'none'} would be left without "
                    f"{', '.join(self.left_out)}, and at least two must be told: leave out fewer emotions, or choose "
                    "another label set"
                )
        return self


CALIBRATION_GROUP: Final = 5
"""A camera is calibrated by this many faces at once, or more: its file tells of an audience, never of one person."""


class CameraSettings(Settings):
    """Where the screen is, as one camera sees the faces that look at it: a camera's file.

    Measured by ``mien calibrate``, or written by hand; then there are the two angles only.
    """

    screen_yaw_degrees: float = Field(ge=-60, le=60)
    screen_pitch_degrees: float | None = Field(None, ge=-60, le=60)
    head_pose: str | None = None
    """The estimator that the angles were measured with: another's may differ by some degrees."""
    faces: int | None = Field(None, ge=CALIBRATION_GROUP)
    """Faces read at once."""
    yaw_spread_degrees: float | None = Field(None, ge=0)
    """How far the faces' directions lie from the median, as a standard deviation would tell it."""
    pitch_spread_degrees: float | None = Field(None, ge=0)


DEFAULT_CLASSIFIER: Final = "mien-m"
"""A shipped classifier of faces' name."""


class Profile(Settings):
    """Settings for one kind of audience."""

    name: str
    description: str
    classifier: str = Field(DEFAULT_CLASSIFIER, pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    """A shipped model's name; whoever starts an analysis may choose another."""
    sampling: SamplingSettings = SamplingSettings()
    light: LightSettings = LightSettings()
    detection: DetectionSettings = DetectionSettings()
    quality: QualitySettings = QualitySettings()
    reading: ReadingSettings = ReadingSettings()
    tracking: TrackingSettings = TrackingSettings()
    smoothing: SmoothingSettings = SmoothingSettings()
    audience: AudienceSettings = AudienceSettings()

    def read_plainly(self) -> Self:
        """The same with labels taken at the plain operating point."""
        return self.model_copy(update={"smoothing": self.smoothing.model_copy(update={"operating_point": "plain"})})

    def without(self, emotions: Sequence[str], reader: str) -> Self:
        """The same with these emotions left out as well.

        Args:
            emotions: canonical ones.
            reader: whose ignorance of them it is, for an error.

        Raises:
            SettingsError: too few are left to be told.
        """
        if not emotions:
            return self
        told = self.audience.model_dump() | {"left_out": (*self.audience.left_out, *emotions)}
        try:
            return self.model_copy(update={"audience": AudienceSettings.model_validate(told)})
        except ValidationError as error:
            why = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise SettingsError(f"{reader} does not know {', '.join(emotions)}: {why}") from error


_STEADY = SmoothingSettings(seconds=0.23, label_seconds=0.3)
# A hall is measured for its fear, which a plain reading misses in four of ten faces that show it.
_STEADY_BALANCED = SmoothingSettings(seconds=0.23, label_seconds=0.3, operating_point="balanced")
_SMALL = QualitySettings(min_face_px=14.0, min_sharpness=0.08)

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile(
                name="cinema",
                description="A dark hall seen from the screen: many small faces, groups of five or more only.",
                detection=DetectionSettings(threshold=0.4, max_faces=200, second_look=None),
                quality=_SMALL,
                smoothing=_STEADY_BALANCED,
                audience=AudienceSettings(min_group=5, label_set="cinema7"),
            ),
            Profile(
                name="edge",
                description="A small box under the projector: every third frame, at most 30 faces, read quickly.",
                classifier="mien-s",
                sampling=SamplingSettings(every_nth=3),
                detection=DetectionSettings(threshold=0.4, max_faces=30, second_look=None),
                quality=_SMALL,
                smoothing=_STEADY_BALANCED,
                audience=AudienceSettings(min_group=5, label_set="cinema7"),
            ),
            Profile(
                name="classroom",
                description="A lit room of listeners; needs a purpose that the law permits.",
                sampling=SamplingSettings(sample_hz=10.0),
                quality=QualitySettings(min_face_px=20.0, min_sharpness=0.1),
                smoothing=_STEADY,
                audience=AudienceSettings(min_group=5, label_set="engagement5", environment="classroom"),
            ),
            Profile(
                name="interview",
                description="One or a few people filmed closely, by their own choice.",
            ),
            Profile(
                name="panel",
                description="Consenting respondents, each before a webcam.",
                quality=QualitySettings(min_face_px=40.0),
                smoothing=_STEADY,
                audience=AudienceSettings(label_set="studio6"),
            ),
            Profile(
                name="dev",
                description="Trying things out: every frame, at most 10 faces.",
                detection=DetectionSettings(max_faces=10),
            ),
            Profile(
                name="service",
                description="The file service's published defaults: every fifth frame, neutral weighted by 0.7.",
                sampling=SamplingSettings(every_nth=5),
                audience=AudienceSettings(label_set="indexed7", neutral_weight=0.7),
            ),
        )
    }
)


def canonical_weights(audience: AudienceSettings) -> tuple[float, ...]:
    """Factor of each canonical emotion before renormalising; 0 of those left out."""
    return tuple(
        0.0 if e in audience.left_out else audience.neutral_weight if e == "neutral" else 1.0 for e in EMOTIONS
    )
