"""Rendering on the CPU: the z-buffer, looks, and pictures of the built-in head; Gaussian splats and radiance fields
on the CPU and on CUDA."""

from talkie.render.head import Frame, HeadRenderer, render_head
from talkie.render.look import Look, look_from_seed
from talkie.render.pinhole import Camera
from talkie.render.raster import rasterise
from talkie.render.splats import Splats, rasterize
from talkie.render.volume import OccupancyGrid, Rays, Rendered, camera_rays, render_rays

__all__ = [
    "Camera",
    "Frame",
    "HeadRenderer",
    "Look",
    "OccupancyGrid",
    "Rays",
    "Rendered",
    "Splats",
    "camera_rays",
    "look_from_seed",
    "rasterise",
    "rasterize",
    "render_head",
    "render_rays",
]
