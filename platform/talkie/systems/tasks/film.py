"""A task's answer as pictures for people who compare: frames as they are, or a motion on the built-in head. Nothing is
measured here."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from talkie.clip import Clip

if TYPE_CHECKING:
    from talkie.render import HeadRenderer

HEAD_PX, DISTANCE_M, FOCAL_SHARE = 192, 0.7, 2.0
"""Side of a rendered head's picture; how far the camera stands; its focal length over the side."""


def film_video(clip: Clip, result: Any) -> np.ndarray | None:
    """(T, H, W, 3) uint8: the frames of the answer."""
    return np.asarray(result.frames)


@torch.no_grad()
def film_motion(clip: Clip, result: Any) -> np.ndarray | None:
    """(T, S, S, 3) uint8: the answer's expression and jaw on the clip's own person, from the front; None for an answer
    without them."""
    from talkie.heads import builtin_head, frontal_camera

    if result.expression is None or result.jaw is None:
        return None
    head, model = clip.fields["head.npz"], builtin_head()
    identity = torch.as_tensor(head.identity)[None].expand(len(result.expression), -1)
    pose = {name: torch.as_tensor(getattr(result, name), dtype=torch.float32) for name in ("expression", "jaw")}
    K, R, t = (a.numpy() for a in frontal_camera(HEAD_PX, DISTANCE_M, FOCAL_SHARE * HEAD_PX))
    renderer = _renderer()
    vertices = (model.vertices(identity=i[None], expression=e[None], jaw=j[None])[0].numpy()
                for i, e, j in zip(identity, pose["expression"], pose["jaw"], strict=True))  # fmt: skip
    return np.stack([renderer.render(v, K, R, t, HEAD_PX, supersample=2) for v in vertices])


@lru_cache(maxsize=1)
def _renderer() -> HeadRenderer:
    from talkie.heads import builtin_head
    from talkie.render import HeadRenderer, look_from_seed

    return HeadRenderer(builtin_head(), look_from_seed(0))
