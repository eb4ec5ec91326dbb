"""Gaussian splats: one call on CPU and CUDA, and the harmonics of their colours."""

from talkie.render.pinhole import Camera
from talkie.render.splats.harmonics import harmonic_colours, spherical_harmonics
from talkie.render.splats.rasterize import Splats, rasterize

__all__ = ["Camera", "Splats", "harmonic_colours", "rasterize", "spherical_harmonics"]
