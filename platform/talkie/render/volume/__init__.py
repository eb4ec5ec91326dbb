"""Volume rendering: radiance fields along rays, an occupancy grid, proposal sampling; on the tensors' device."""

from talkie.render.volume.occupancy import OccupancyGrid
from talkie.render.volume.quadrature import emission_weights
from talkie.render.volume.rays import Rays, camera_rays
from talkie.render.volume.render import Proposal, Rendered, render_rays
from talkie.render.volume.sampling import proposal_loss

__all__ = [
    "OccupancyGrid",
    "Proposal",
    "Rays",
    "Rendered",
    "camera_rays",
    "emission_weights",
    "proposal_loss",
    "render_rays",
]
