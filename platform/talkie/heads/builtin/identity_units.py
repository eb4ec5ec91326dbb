"""What one unit (standard deviation) of each identity axis does: a sentence, and millimetres measured on the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from talkie.errors import BadInput
from talkie.heads.builtin.assembly import NeutralMesh


@dataclass(frozen=True)
class AxisDoc:
    """text: what grows with the weight; at: where it is measured (metres, the vertex nearest to it, left half);
    along: direction of the measured displacement, head frame. `from_` makes it the distance between two vertices;
    part: of which part the vertices are."""

    text: str
    at: tuple[float, float, float]
    along: tuple[float, float, float]
    from_: tuple[float, float, float] | None = None
    part: str = "skin"


_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_DOWN, _BACK = (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)


def _breadth(text: str, x: float, y: float, z: float, part: str = "skin") -> AxisDoc:
    return AxisDoc(text, (x, y, z), _X, (-x, y, z), part)


AXES_DOC: dict[str, AxisDoc] = {
    "overall_scale": AxisDoc("height from chin to crown", (0, 0.145, 0.0), _Y, (0, -0.085, 0.095)),
    "head_width": _breadth("greatest width of the head", 0.078, 0.05, 0.0),
    "head_height": AxisDoc("height from chin to crown", (0, 0.145, 0.0), _Y, (0, -0.085, 0.095)),
    "head_depth": AxisDoc("depth from brow to occiput", (0, 0.055, 0.108), _Z, (0, 0.05, -0.085)),
    "cranium_height": AxisDoc("crown rises", (0, 0.145, 0.0), _Y),
    "cranium_width": _breadth("width of the skull above the ears", 0.072, 0.085, 0.0),
    "occiput": AxisDoc("back of the head stands out", (0, 0.05, -0.085), _BACK),
    "forehead_slope": AxisDoc("upper forehead recedes", (0, 0.10, 0.09), _BACK),
    "forehead_bulge": AxisDoc("middle of the forehead stands out", (0, 0.075, 0.105), _Z),
    "temple_width": AxisDoc("each temple moves outward", (0.068, 0.065, 0.055), _X),
    "brow_ridge": AxisDoc("bone under the brow stands out", (0.024, 0.053, 0.103), _Z),
    "brow_height": AxisDoc("middle of the brow rises", (0.028, 0.060, 0.100), _Y),
    "brow_tilt": AxisDoc("outer end of the brow rises, the inner sinks", (0.048, 0.058, 0.09), _Y),
    "eye_distance": AxisDoc("each eyeball moves outward", (0.0315, 0.0353, 0.095), _X, None, "left_eyeball"),
    "eye_height": AxisDoc("eyeballs rise", (0.0315, 0.0353, 0.095), _Y, None, "left_eyeball"),
    "eye_depth": AxisDoc("eyeballs come forward", (0.0315, 0.0353, 0.095), _Z, None, "left_eyeball"),
    "eye_size": AxisDoc(
        "diameter of the eyeball", (0.0315, 0.0483, 0.0818), _Y, (0.0315, 0.0223, 0.0818), "left_eyeball"
    ),
    "eye_width": AxisDoc("width of the opening between the lids", (0.0445, 0.0345, 0.088), _X, (0.0189, 0.033, 0.088)),
    "eye_opening": AxisDoc(
        "height of the opening between the lids", (0.0317, 0.040, 0.095), _Y, (0.0317, 0.0306, 0.095)
    ),
    "eye_tilt": AxisDoc(
        "outer corner of the eye rises over the inner", (0.0445, 0.0345, 0.088), _Y, (0.0189, 0.033, 0.088)
    ),
    "cheekbone_width": AxisDoc("each cheekbone moves outward", (0.060, 0.012, 0.065), _X),
    "cheekbone_prominence": AxisDoc("front of the cheekbone stands out", (0.042, 0.012, 0.090), _Z),
    "cheekbone_height": AxisDoc("front of the cheekbone rises", (0.046, 0.010, 0.088), _Y),
    "cheek_fullness": AxisDoc("cheek fills outward", (0.046, -0.025, 0.082), _X),
    "under_eye_depth": AxisDoc("hollow under the eye deepens", (0.030, 0.018, 0.097), _BACK),
    "nose_length": AxisDoc("tip of the nose sinks", (0, 0.0, 0.130), _DOWN),
    "nose_protrusion": AxisDoc("tip of the nose comes forward", (0, 0.003, 0.130), _Z),
    "nose_width": AxisDoc("each wing of the nose moves outward", (0.016, -0.004, 0.110), _X),
    "nose_tip_up": AxisDoc("tip of the nose turns up", (0, 0.002, 0.131), _Y),
    "nose_tip_width": AxisDoc("either side of the tip moves outward", (0.008, 0.004, 0.124), _X),
    "nose_bridge_height": AxisDoc("bridge of the nose stands out", (0, 0.030, 0.111), _Z),
    "nose_bridge_width": AxisDoc("either side of the bridge moves outward", (0.008, 0.030, 0.105), _X),
    "nose_hump": AxisDoc("middle of the nose's back stands out", (0, 0.018, 0.121), _Z),
    "nose_base_height": AxisDoc("base of the nose rises", (0, -0.012, 0.117), _Y),
    "philtrum_length": AxisDoc("mouth sinks away from the nose", (0, -0.034, 0.113), _DOWN),
    "mouth_width": AxisDoc("each corner of the mouth moves outward", (0.0245, -0.036, 0.101), _X),
    "mouth_protrusion": AxisDoc("lips come forward", (0, -0.035, 0.114), _Z),
    "mouth_height": AxisDoc("mouth rises", (0, -0.034, 0.113), _Y),
    "mouth_tilt": AxisDoc("corners of the mouth rise", (0.0245, -0.036, 0.101), _Y),
    "upper_lip_fullness": AxisDoc("red of the upper lip grows upward", (0, -0.0270, 0.117), _Y),
    "lower_lip_fullness": AxisDoc("red of the lower lip grows downward", (0, -0.0415, 0.114), _DOWN),
    "chin_height": AxisDoc("chin sinks", (0, -0.080, 0.098), _DOWN),
    "chin_protrusion": AxisDoc("chin comes forward", (0, -0.070, 0.108), _Z),
    "chin_width": AxisDoc("either side of the chin moves outward", (0.018, -0.070, 0.100), _X),
    "chin_cleft": AxisDoc("dimple of the chin deepens", (0, -0.068, 0.110), _BACK),
    "under_lip_depth": AxisDoc("hollow under the lower lip deepens", (0, -0.053, 0.108), _BACK),
    "jaw_angle_width": AxisDoc("each angle of the jaw moves outward", (0.060, -0.038, 0.045), _X),
    "jaw_angle_height": AxisDoc("angle of the jaw sinks", (0.058, -0.045, 0.050), _DOWN),
    "jaw_line_width": AxisDoc("jaw's line moves outward on either side", (0.045, -0.055, 0.078), _X),
    "face_width": _breadth("width between the cheeks", 0.066, 0.0, 0.05),
    "midface_height": AxisDoc("mouth sinks away from the eyes", (0, -0.034, 0.113), _DOWN),
    "face_flatness": AxisDoc("middle of the face comes forward of its sides", (0, 0.003, 0.130), _Z),
    "face_convexity": AxisDoc("sides of the face come forward", (0.050, 0.01, 0.080), _Z),
    "neck_width": _breadth("width of the neck", 0.055, -0.115, -0.01),
    "double_chin": AxisDoc("flesh under the chin sinks", (0, -0.088, 0.075), _DOWN),
    "ear_size": AxisDoc("height of the ear", (0.082, 0.040, -0.006), _Y, (0.078, -0.019, 0.012), "left_ear"),
    "ear_flare": AxisDoc("rim of the ear stands off the head", (0.093, 0.012, -0.012), _X, None, "left_ear"),
}  # fmt: skip
"""One entry for each axis of `identity.AXES`."""


def identity_units(mesh: NeutralMesh, basis: np.ndarray, names: tuple[str, ...]) -> Mapping[str, float]:
    """Millimetres per unit weight of each axis at the place its AXES_DOC names, measured on the mesh.

    basis: (I, V, 3) metres per unit, in the order of `names`."""
    return {name: _measured_mm(mesh, field, AXES_DOC[name]) for name, field in zip(names, basis, strict=True)}


def describe(name: str, millimetres: float) -> str:
    """One line for people: what a unit of the axis does and by how much."""
    if name not in AXES_DOC:
        raise BadInput(f"no identity axis is called {name!r}", cure="take one of the head's identity_names")
    return f"{name}: {AXES_DOC[name].text}, {millimetres:.1f} mm per unit"


def _measured_mm(mesh: NeutralMesh, field: np.ndarray, doc: AxisDoc) -> float:
    index = mesh.part_vertices(doc.part)

    def moved(place: tuple[float, float, float]) -> np.ndarray:
        return field[index[np.linalg.norm(mesh.positions[index] - np.array(place), axis=1).argmin()]]

    shift = moved(doc.at) - (moved(doc.from_) if doc.from_ is not None else 0.0)
    return float(1e3 * shift @ np.array(doc.along))
