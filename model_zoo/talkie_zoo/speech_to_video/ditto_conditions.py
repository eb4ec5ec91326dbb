"""What steers Ditto's motion frame by frame: sound, emotion, eyes and the source's keypoints as one row, and how a
request's controls are read. The networks that read them are elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor

from talkie.errors import BadInput
from talkie_zoo.blocks.implicit_keypoints import EYES, KEYPOINTS, LIPS

EMOTIONS = ("angry", "disgusted", "afraid", "happy", "neutral", "sad", "surprised", "contempt")
"""In the order of the original's classifier."""
SHARPNESS = 8.0
GAZE, OPEN = 6, 2
ROW = len(EMOTIONS) + OPEN + GAZE + 3 * KEYPOINTS
"""Width of a condition beside the sound's."""
FOLLOWS = {"all": tuple(range(KEYPOINTS)), "lips+eyes": (*LIPS, *EYES), "lips": LIPS, "eyes": EYES, "none": ()}
"""Keypoints whose expression follows the sound; the others keep the source's."""
CONTROLS = (
    "emotion", "eye_open", "delta_pitch", "delta_yaw", "delta_roll", "alpha_pose", "alpha_exp", "follows", "drive",
    "guidance", "windows",
)  # fmt: skip


def emotion_row(names: str | tuple[str, ...] | list[str]) -> Tensor:
    """(8,) softmax of eight times the labels, one or several mixed. Raises BadInput for a name that is not known."""
    given = (names,) if isinstance(names, str) else tuple(names)
    wrong = [name for name in given if name not in EMOTIONS]
    if wrong or not given:
        raise BadInput(f"no emotion {wrong}", where="controls.emotion", cure=f"there are {', '.join(EMOTIONS)}")
    chosen = torch.tensor([float(name in given) for name in EMOTIONS])
    return (SHARPNESS * chosen).softmax(0)


@dataclass(frozen=True)
class Controls:
    """A request's wishes. `eye_open` (T, 2) openness as `ditto_targets.eyes` measures it, or None: as the source's;
    `delta` (T, 3) degrees of pitch, yaw, roll; a frame beyond T takes the last row. `alpha_pose` scales the generated
    motion of the head, `alpha_exp` that of the face (LivePortrait's driving multiplier); `drive` adds motion to the
    source's, "absolute" takes it as it is; `windows` None: the way of the call (whole: offline, stream: online)."""

    emotion: Tensor
    eye_open: Tensor | None
    delta: Tensor
    alpha_pose: float
    alpha_exp: float
    follows: tuple[int, ...]
    drive: Literal["relative", "absolute"]
    guidance: float
    windows: Literal["offline", "online"] | None

    @classmethod
    def of(cls, controls: Mapping[str, Any], guidance: float, alpha_exp: float) -> Controls:
        """`guidance` and `alpha_exp` hold where nothing is wished. Raises BadInput for a name or value that is not
        known."""
        unknown = sorted(controls.keys() - set(CONTROLS))
        if unknown:
            raise BadInput(
                f"no control {', '.join(unknown)}", where="controls", cure=f"there are {', '.join(CONTROLS)}"
            )
        opened = controls.get("eye_open")
        deltas = [_track(controls.get(f"delta_{axis}", 0.0), 1, f"delta_{axis}") for axis in ("pitch", "yaw", "roll")]
        return cls(
            emotion_row(controls.get("emotion", "neutral")),
            None if opened is None else _track(opened, OPEN, "eye_open"),
            torch.cat([held(track, max(map(len, deltas))) for track in deltas], 1),
            _number(controls.get("alpha_pose", 1.0), "alpha_pose"),
            _number(controls.get("alpha_exp", alpha_exp), "alpha_exp"),
            FOLLOWS[_choice(controls.get("follows", "lips+eyes"), tuple(FOLLOWS), "follows")],
            cast(Any, _choice(controls.get("drive", "relative"), ("relative", "absolute"), "drive")),
            _number(controls.get("guidance", guidance), "guidance"),
            cast(Any, _choice(controls.get("windows"), (None, "offline", "online"), "windows")),
        )


def held(track: Tensor, frames: int, first: int = 0) -> Tensor:
    """Rows `first` to `first + frames` of a track (T, C) whose last row goes on for ever."""
    return track[torch.arange(first, first + frames).clamp_max(len(track) - 1)]


def _track(value: Any, width: int, name: str) -> Tensor:
    """A number, one a frame, or rows of `width` -> (T, width) float32."""
    try:
        found = np.asarray(value, np.float32)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name} is no number", where=f"controls.{name}", cure="send numbers") from error
    shaped = found if found.ndim == 2 else np.repeat(found.reshape(-1, 1), width, 1)
    if found.ndim > 2 or not found.size or shaped.shape[1] != width or not np.isfinite(found).all():
        raise BadInput(
            f"{name} of shape {found.shape} is no track of finite numbers",
            where=f"controls.{name}",
            cure=f"send a number, (T,) or (T, {width})",
        )
    return torch.from_numpy(shaped.copy())


def _number(value: Any, name: str) -> float:
    if not isinstance(value, (int, float)) or not np.isfinite(value):
        raise BadInput(f"{name} is {value!r}", where=f"controls.{name}", cure="send a finite number")
    return float(value)


def _choice(value: Any, known: tuple[Any, ...], name: str) -> Any:
    if value not in known:
        raise BadInput(f"{name} is {value!r}", where=f"controls.{name}", cure=f"choose of {', '.join(map(str, known))}")
    return value
