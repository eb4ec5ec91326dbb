"""Rendering on the CPU: the z-buffer, looks, and pictures of the built-in head."""

from talkie.render.head import Frame, HeadRenderer, render_head
from talkie.render.look import Look, look_from_seed
from talkie.render.raster import rasterise

__all__ = ["Frame", "HeadRenderer", "Look", "look_from_seed", "rasterise", "render_head"]
