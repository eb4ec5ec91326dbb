"""The thresholds of shot detection, with where each comes from; nothing is computed here.

They were set on stage footage of seed 11 (28 takes, every damage twice) and on transitions edited from it;
`tests/bench/bench_shots.py` measures on other seeds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ShotSettings(BaseModel):
    """held: full-size frames kept back, which is also the longest fade whose every frame is flagged.

    content: least change that may be a cut, in scenedetect's content value (mean over hue, saturation and lightness of
    the differences, 0 to 255); in tuning footage cuts had 22 to 63, the fastest motion (a hand before the face) 5.5.
    ratio: by which it must exceed the mean of its two neighbours on either side (scenedetect's own default; cuts had
    12 and more, motion up to 3). certain: content value that is a candidate whatever its neighbours (scenedetect's
    default for its content detector), for tiny shots between two cuts.

    coverage, monotony: of a window in which a gradual transition runs, the share of the picture that changes (0.41 and
    more in dissolves and wipes, up to 0.26 in motion), and the change from its first to its last frame over the sum of
    the steps between: 1 where every pixel goes one way (0.78 and more), less where things move to and fro.
    leftover: most that a picture within may differ from a mixture, or a patchwork, of the window's ends, as a share of
    the change: 0.12 and less in the windows that lie in dissolves and wipes, 0.17 and more where a head turns that
    fills the picture (five real takes without a boundary).
    displaced: most of the change over such a window that small shifts of its blocks may account for: 0.56 and less in
    dissolves and wipes, 0.71 and more where a camera pans or zooms over texture.
    flash_frames: a brightening or darkening that lasts no longer and ends where it began is no cut.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    held: int = Field(30, ge=26, le=250)
    content: float = Field(8.0, gt=0, le=255)
    ratio: float = Field(3.0, gt=1)
    certain: float = Field(27.0, gt=0, le=255)
    coverage: float = Field(0.36, gt=0, le=1)
    monotony: float = Field(0.75, gt=0, le=1)
    leftover: float = Field(0.14, gt=0, le=1)
    displaced: float = Field(0.58, gt=0, le=1)
    flash_frames: int = Field(8, ge=1, le=20)
