"""Rendering: scenes of dressed actors with exact labels, Gaussian splats, volumes."""

from talkie.render.background import Background, background_from_look
from talkie.render.costume import Costume, prop
from talkie.render.dressing import dressed_head
from talkie.render.flow import Flow, flow
from talkie.render.head import HeadRenderer, render_head
from talkie.render.light import Light, light_from_look
from talkie.render.look import Look, look_from_seed
from talkie.render.pinhole import Camera
from talkie.render.raster import rasterise_mesh
from talkie.render.scene import Frame, SceneRenderer
from talkie.render.soft import SoftImage, soft_render
from talkie.render.splats import Splats, rasterize
from talkie.render.visibility import visible_vertices
from talkie.render.volume import OccupancyGrid, Rays, Rendered, camera_rays, render_rays

__all__ = [
    "Background",
    "Camera",
    "Costume",
    "Flow",
    "Frame",
    "HeadRenderer",
    "Light",
    "Look",
    "OccupancyGrid",
    "Rays",
    "Rendered",
    "SceneRenderer",
    "SoftImage",
    "Splats",
    "background_from_look",
    "camera_rays",
    "dressed_head",
    "flow",
    "light_from_look",
    "look_from_seed",
    "prop",
    "rasterise_mesh",
    "rasterize",
    "render_head",
    "render_rays",
    "soft_render",
    "visible_vertices",
]
