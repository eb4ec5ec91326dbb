"""From the result of any task to the bytes of a file: films, labels, arrays. Motion of the built-in head has its own
way, in `answers`."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from talkie.errors import BadInput
from talkie.media import encode_mp4
from talkie.serving.answers import DECIMALS, disclosure
from talkie.serving.exchange import GENERATOR


def written(result: Any, kind: str, audio: np.ndarray | None, model: str) -> tuple[bytes, int]:
    """The file and how many frames it tells of. "mp4": frames with the sound (N,) at 16 kHz; "json": scores of labels,
    and over time; "npz": every array of the result by its name. Raises BadInput for a kind that the result is none of.
    """
    arrays = _arrays(result)
    frames = getattr(result, "frames", None)
    if kind == "mp4" and frames is not None:
        comment = disclosure(model, idle=False)
        return encode_mp4(frames, result.fps, audio=audio, metadata={"comment": comment}), len(frames)
    if kind == "json" and hasattr(result, "scores"):
        told = {"model": model, "generator": GENERATOR, "scores": result.scores, "text": result.text}
        tracks = {name: np.round(track.astype(float), DECIMALS).tolist() for name, track in result.tracks.items()}
        return json.dumps({**told, "tracks": tracks}, separators=(",", ":")).encode(), _rows(result.tracks)
    if kind == "npz" and arrays:
        body = io.BytesIO()
        np.savez(body, **arrays)
        return body.getvalue(), _rows(arrays)
    kinds = [*(["mp4"] if frames is not None else []), *(["json"] if hasattr(result, "scores") else [])]
    kinds += ["npz"] if arrays else []
    raise BadInput(f"such an answer is no {kind}", where="out", cure=f"name a file ending in .{' or .'.join(kinds)}")


def _arrays(result: Any) -> dict[str, np.ndarray]:
    """The arrays of a result and of its tracks."""
    own = {name: value for name, value in vars(result).items() if isinstance(value, np.ndarray)}
    return {**own, **getattr(result, "tracks", {})}


def _rows(arrays: Mapping[str, np.ndarray]) -> int:
    return max((len(array) for array in arrays.values()), default=0)
