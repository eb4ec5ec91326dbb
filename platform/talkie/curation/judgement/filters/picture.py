"""Filters of the picture: size and pose of the face, light, focus, noise, codec, detail, writing, what hides the face.

A default cites its source; where the field has no number, it is measured on the stage's footage (docs/recipes.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from talkie.curation.judgement.filters.base import Facts, Filter, Reason

Scores = Mapping[str, float]


@dataclass(frozen=True)
class FaceSize(Filter):
    """least_px: 64, about what lip shapes need at all; recipes ask for more."""

    name: ClassVar[str] = "face_size"
    needs: ClassVar[tuple[str, ...]] = ("face_px",)
    least_px: float = 64.0

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.under(scores["face_px"], self.least_px, "the face is {value} pixels, {limit} are needed")


@dataclass(frozen=True)
class InFrame(Filter):
    """least: share of the crop's sides inside the source picture."""

    name: ClassVar[str] = "in_frame"
    needs: ClassVar[tuple[str, ...]] = ("in_frame",)
    least: float = 0.8

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.under(scores["in_frame"], self.least, "the crop lies in the picture to {value}, not {limit}")


@dataclass(frozen=True)
class FaceFound(Filter):
    """least: share of frames whose landmarks were seen; the others are interpolated."""

    name: ClassVar[str] = "face_found"
    needs: ClassVar[tuple[str, ...]] = ("face_found",)
    least: float = 0.9

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.under(scores["face_found"], self.least, "the face was found in {value} of the frames, not {limit}")


@dataclass(frozen=True)
class Yaw(Filter):
    """most_deg: 30, of Hallo's data instructions (frontal faces, rotation under 30 degrees)."""

    name: ClassVar[str] = "yaw"
    needs: ClassVar[tuple[str, ...]] = ("yaw_deg",)
    most_deg: float = 30.0

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.over(scores["yaw_deg"], self.most_deg, "the face turns {value} degrees aside, {limit} may be")


@dataclass(frozen=True)
class Pitch(Filter):
    """most_deg: 30, as `yaw`."""

    name: ClassVar[str] = "pitch"
    needs: ClassVar[tuple[str, ...]] = ("pitch_deg",)
    most_deg: float = 30.0

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.over(scores["pitch_deg"], self.most_deg, "the face nods {value} degrees, {limit} may be")


@dataclass(frozen=True)
class ExposureFilter(Filter):
    """most_clipped: share of the skin at the end of the range, measured on the stage: two stops too much give 0.8, a
    coarse encoding of a bright face up to 0.2; least_peak: the crop's highlights in linear light, 0.25 being two stops
    under white."""

    name: ClassVar[str] = "exposure"
    needs: ClassVar[tuple[str, ...]] = ("skin_clipped", "peak_light")
    most_clipped: float = 0.3
    least_peak: float = 0.25

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        bright = self.over(scores["skin_clipped"], self.most_clipped, "{value} of the skin is clipped, {limit} may be")
        dark = "highlights reach {value} of white in linear light, {limit} are needed: too dark"
        return bright or self.under(scores["peak_light"], self.least_peak, dark)


@dataclass(frozen=True)
class Blur(Filter):
    """least: interocular distances over the width of an edge. Measured on the stage: a blur of a 25th of the face's
    width gives up to 4.3, an enlargement by 3 to 5 gives 4.9 to 5.9, a clean face of 100 pixels 7 to 11."""

    name: ClassVar[str] = "blur"
    needs: ClassVar[tuple[str, ...]] = ("sharpness",)
    least: float = 4.7

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.under(scores["sharpness"], self.least, "edges about the eyes are {value} steep, {limit} is needed")


@dataclass(frozen=True)
class NoiseFilter(Filter):
    """most: grey levels. Measured on the stage: an encoding at CRF 18 leaves under 0.3 of a clean picture."""

    name: ClassVar[str] = "noise"
    needs: ClassVar[tuple[str, ...]] = ("noise",)
    most: float = 1.0

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.over(scores["noise"], self.most, "noise of {value} grey levels, {limit} may be")


@dataclass(frozen=True)
class Compression(Filter):
    """most: blockiness; most_smeared: the same where detail is missing too, as it is after a coarse quantiser. Detail
    that ends under `enlarged` was never there: the blocks are those of the small picture.

    Measured on the stage: H.264 at CRF 18 gives up to 0.12 with all detail there, at 36 and over 0.02 to 0.24 with
    detail up to 0.5 to 0.95 of what the pixels can hold; enlarged pictures 0.02 to 0.08 with detail up to 0.46."""

    name: ClassVar[str] = "compression"
    needs: ClassVar[tuple[str, ...]] = ("blockiness", "detail_cutoff")
    most: float = 0.125
    most_smeared: float = 0.02
    enlarged: float = 0.49

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        smeared = self.enlarged <= scores["detail_cutoff"] < 1
        limit = self.most_smeared if smeared else self.most
        return self.over(scores["blockiness"], limit, "blocks of the codec show ({value}, {limit} may be)")


@dataclass(frozen=True)
class Upscaling(Filter):
    """least: share of the frequencies that the pixels can hold; a picture enlarged by f holds 1 / f of them."""

    name: ClassVar[str] = "upscaling"
    needs: ClassVar[tuple[str, ...]] = ("detail_cutoff",)
    least: float = 0.49

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        message = "detail ends at {value} of what the pixels can hold, {limit} is needed: enlarged"
        return self.under(scores["detail_cutoff"], self.least, message)


@dataclass(frozen=True)
class Subtitles(Filter):
    """most: share of the face's bounds. Measured on the stage."""

    name: ClassVar[str] = "subtitles"
    needs: ClassVar[tuple[str, ...]] = ("text_on_face",)
    most: float = 0.08

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.over(scores["text_on_face"], self.most, "writing covers {value} of the face, {limit} may be")


@dataclass(frozen=True)
class Frozen(Filter):
    """most: share of the frames."""

    name: ClassVar[str] = "frozen"
    needs: ClassVar[tuple[str, ...]] = ("frozen_share",)
    most: float = 0.1

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.over(scores["frozen_share"], self.most, "the picture stands still in {value} of the frames")


@dataclass(frozen=True)
class Repeated(Filter):
    """most: share of the frames."""

    name: ClassVar[str] = "repeated"
    needs: ClassVar[tuple[str, ...]] = ("repeated_share",)
    most: float = 0.1

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.over(scores["repeated_share"], self.most, "{value} of the frames were shown before")


@dataclass(frozen=True)
class OccludingHand(Filter):
    """most: share of the face's landmarks. Measured on the stage: speech, blinks and turns stay under 0.1, a picture
    that freezes under a moving box reaches 0.26, a hand that passes 0.31 and more."""

    name: ClassVar[str] = "occluding_hand"
    needs: ClassVar[tuple[str, ...]] = ("face_hidden",)
    most: float = 0.28

    def fault(self, scores: Scores, facts: Facts) -> Reason | None:
        return self.over(scores["face_hidden"], self.most, "something hides {value} of the face, {limit} may be")


PICTURE: tuple[type[Filter], ...] = (
    FaceSize, InFrame, FaceFound, Yaw, Pitch, ExposureFilter, Blur, NoiseFilter, Compression, Upscaling, Subtitles,
    Frozen, Repeated, OccludingHand,
)  # fmt: skip
