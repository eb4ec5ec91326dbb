"""What a caller may ask for besides the speech: controls and their ranges, the same for HTTP and the command line."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MotionFormat = Literal["json", "csv"]

_SEED_MAX = 2**31 - 1


class MotionControls(BaseModel):
    """Controls of an answer in coefficients."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    style: Annotated[
        str | None,
        Field(
            max_length=100, description="A speaker of the training set whose way of moving is taken; default: none's."
        ),
    ] = None


class VideoControls(MotionControls):
    """Controls of an answer in pictures. The head shown is generated from seeds: it is no living person's."""

    identity: Annotated[int, Field(ge=0, le=_SEED_MAX, description="Seed of the head's shape; 0 is the mean head.")] = 0
    look: Annotated[int, Field(ge=0, le=_SEED_MAX, description="Seed of skin, hair, eyes, light and background.")] = 0
    size: Annotated[int, Field(ge=128, le=512, multiple_of=2, description="Side of the square picture in pixels.")] = (
        256
    )
    idle: Annotated[
        bool,
        Field(description="Add blinks and small head sway. They are decoration from a fixed seed, not the model's."),
    ] = True
