"""Gaussian splats: one call on CPU and CUDA, and the harmonics of their colours."""

from talkie.render.pinhole import Camera
from talkie.render.splats.harmonics import spherical_harmonics
from talkie.render.splats.rasterize import Splats, rasterize

__all__ = ["Camera", "Splats", "rasterize", "spherical_harmonics"]
