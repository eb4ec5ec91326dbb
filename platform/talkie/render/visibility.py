"""Which vertices of an actor the camera of a frame sees; triangles seen are in the frame itself."""

from __future__ import annotations

import numpy as np

from talkie.errors import BadInput
from talkie.render.hidden import hidden, project
from talkie.render.scene import Frame


def visible_vertices(frame: Frame, actor: int = 0) -> np.ndarray:
    """(V,) bool, the actor's own vertices, hair not counted: those that lie in the picture with nothing in the way.

    In the way is what lies nearer on the vertex's own ray by more than `hidden.DEPTH_TOLERANCE` of its depth: any
    actor's surface and hair, whichever way it faces, less the holes of cut-outs. Raises BadInput for an actor that is
    not in the frame."""
    surface = frame.surface
    if not 0 <= actor < len(surface.bodies):
        raise BadInput(f"actor {actor} of a frame with {len(surface.bodies)}", where="actor")
    first = surface.first_point[actor]
    pixels = project(surface.points, surface)
    own = np.ascontiguousarray(pixels[first : first + surface.bodies[actor]])
    return ~hidden(own, surface, pixels, frame.triangle.shape)
