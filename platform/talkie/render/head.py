"""One head alone: the scene's renderer with a look's own light and background, for those who film one actor."""

from __future__ import annotations

import numpy as np

from talkie.heads import HeadModel
from talkie.render.background import background_from_look
from talkie.render.dressing import dressed_head
from talkie.render.light import light_from_look
from talkie.render.look import Look
from talkie.render.scene import Frame, SceneRenderer


class HeadRenderer:
    """Renders one head in one look; what does not change between frames is made once."""

    def __init__(self, model: HeadModel, look: Look):
        self.look = look
        self.scene = SceneRenderer([dressed_head(model, look)], light_from_look(look), background_from_look(look))

    def render(
        self,
        vertices: np.ndarray,
        K: np.ndarray,
        R: np.ndarray,
        t: np.ndarray,
        size: int | tuple[int, int] = 256,
        supersample: int = 2,
    ) -> np.ndarray:
        """(H, W, 3) uint8 RGB of world vertices (V, 3); camera as in `talkie.heads.camera`, pixels of `size`."""
        return self.frame(vertices, K, R, t, size, supersample).rgb

    def frame(
        self,
        vertices: np.ndarray,
        K: np.ndarray,
        R: np.ndarray,
        t: np.ndarray,
        size: int | tuple[int, int] = 256,
        supersample: int = 2,
    ) -> Frame:
        """The same with all labels, as `SceneRenderer.frame` gives them."""
        return self.scene.frame([vertices], K, R, t, size, supersample)


def render_head(
    model: HeadModel,
    vertices_world: np.ndarray,
    look: Look,
    K: np.ndarray,
    R: np.ndarray,
    t: np.ndarray,
    size: int | tuple[int, int] = 256,
    supersample: int = 2,
) -> np.ndarray:
    """One picture, (H, W, 3) uint8 RGB; for many of one look keep a HeadRenderer."""
    return HeadRenderer(model, look).render(vertices_world, K, R, t, size, supersample)
