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
    emotion: Annotated[
        str | None, Field(max_length=40, description="What the face expresses, for models with that control.")
    ] = None
    intensity: Annotated[
        float | None, Field(ge=1, le=3, description="How strongly, from 1 to 3, for models with that control.")
    ] = None

    def asked(self) -> dict[str, str | float]:
        """The controls of a request that were given, by the names that cards use."""
        given = {"emotion": self.emotion, "intensity": self.intensity}
        return {name: value for name, value in given.items() if value is not None}


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
