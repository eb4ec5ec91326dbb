"""Dresses a head of any model: skin, eyes, mouth, hair and clothes of a look become a costume; nothing is drawn."""

from __future__ import annotations

import numpy as np

from talkie.heads import HeadModel
from talkie.heads.builtin.hair import hair, hair_share
from talkie.heads.builtin.strands import CARD, HEM, SHELL
from talkie.render import clothes
from talkie.render.canonical import EARS, INSIDE, Canonical, canonical, part_ids
from talkie.render.costume import EYE, HAIR, SKIN, WET, Costume, Material, Mouth, plain_texels
from talkie.render.eyes import eye_paint, eyelids
from talkie.render.hung import Hung, bind
from talkie.render.look import Look
from talkie.render.paint_parts import BAG, GUM, TONGUE, TOOTH, eye_texture, strand_texture
from talkie.render.paint_skin import ear_texture, skin_texture

_INNER_UPPER, _INNER_LOWER = 13, 14
"""MediaPipe's points in the middle of the inner lips."""
_WET = {
    "upper_teeth": (TOOTH, 0.42, 80.0),
    "lower_teeth": (TOOTH, 0.42, 80.0),
    "upper_gum": (GUM, 0.25, 50.0),
    "lower_gum": (GUM, 0.25, 50.0),
    "tongue": (TONGUE, 0.30, 34.0),
    "mouth_bag": (BAG, 0.14, 30.0),
}
EXTRA_PARTS = ("hair", "lashes", "cloth", "glasses")
HAIR_VARIANTS = 3


def dressed_head(model: HeadModel, look: Look) -> Costume:
    """The costume of a head in a look. Parts are told by the model's part names, as far as they are the built-in
    head's, and every other part is skin; paint and hair come from the built-in head's chart by way of the 478
    landmarks (`canonical`). Its part names are the model's followed by EXTRA_PARTS."""
    fit = canonical(model)
    faces = np.asarray(model.faces, np.int64)
    part = np.asarray(model.part, np.int64)[faces[:, 0]]
    materials: list[Material] = []
    material, paint = _dress_body(model, fit, look, part, materials)
    tied = [(h, b) for h in _hung(look, materials) if (b := bind(model, fit, h)) is not None]
    pieces, bindings = [h for h, _ in tied], tuple(b for _, b in tied)
    first = np.cumsum([len(fit.points), *(len(h.points) for h in pieces)])
    names = (*model.part_names, *EXTRA_PARTS)
    parts = [np.full(len(h.faces), names.index(h.part)) for h in pieces]
    return Costume(
        name=model.name,
        vertex_count=len(fit.points),
        faces=np.concatenate([faces, *(h.faces + o for h, o in zip(pieces, first, strict=False))]),
        part=np.concatenate([part, *parts]).astype(np.int16),
        part_names=names,
        uv=np.concatenate([np.asarray(model.uv), *(h.uv for h in pieces)]).astype(np.float32),
        paint=np.concatenate([paint, *(h.uv for h in pieces)]).astype(np.float32),
        material=np.concatenate([material, *(h.material for h in pieces)]).astype(np.int16),
        materials=tuple(materials),
        occlusion=np.concatenate([_under_hair(fit, look), *(h.free for h in pieces)]),
        body_faces=len(faces),
        bindings=bindings,
        mouth=_mouth(model, fit),
        lids=eyelids(model),
    )


def _dress_body(
    model: HeadModel, fit: Canonical, look: Look, part: np.ndarray, materials: list[Material]
) -> tuple[np.ndarray, np.ndarray]:
    """Material (F,) and paint (F, 3, 2) of the model's own faces; appends what they are made of to `materials`."""
    materials.append(Material(SKIN, skin_texture(look), 0.20, 22.0, bump=0.10))
    material, paint = np.zeros(len(part), np.int64), fit.paint.copy()
    rows, eye_uv, sine = eye_paint(model)
    materials.append(Material(EYE, eye_texture(look, sine), 1.6, 420.0))
    material[rows], paint[rows] = 1, eye_uv
    materials.append(Material(SKIN, ear_texture(look), 0.12, 18.0))
    ears = np.isin(part, part_ids(model, *EARS))
    material[ears] = 2
    paint[ears] *= [6.0, 3.0]
    paint[ears, :, 1] %= 1.0
    edge = np.array(look.skin) * [0.90, 0.56, 0.54]
    materials.append(Material(WET, plain_texels(edge), 0.55, 70.0))
    material[np.isin(part, part_ids(model, "lid_edges"))] = 3
    for name, (colour, gloss, exponent) in _WET.items():
        materials.append(Material(WET, plain_texels(colour), gloss, exponent))
        material[np.isin(part, part_ids(model, name))] = len(materials) - 1
    return material, paint


def _hung(look: Look, materials: list[Material]) -> list[Hung]:
    """Hair, lashes, cloth and glasses of a look, over the built-in head; appends their materials."""
    out = []
    strands = hair(look.hair_style, round(look.hairline, 3), look.seed % HAIR_VARIANTS)
    if strands is not None:
        shell = len(materials)
        curls = look.hair_style == "curly"
        gloss, exponent = (0.03, 10.0) if curls else (0.07, 40.0)
        if look.hair_style == "receding":
            gloss *= 0.4
        for kind in (SHELL, CARD, HEM):
            texture = strand_texture(look, kind, curls)
            materials.append(Material(HAIR, texture, gloss, exponent, cutout=kind != SHELL))
        free = np.full(len(strands.points), 0.85)
        free[np.unique(strands.faces[strands.kind == SHELL])] = 0.62
        out.append(
            Hung(
                strands.points,
                strands.roots,
                strands.normals,
                strands.tangents,
                strands.faces,
                strands.uv,
                shell + strands.kind,
                "hair",
                free,
            )
        )
    materials.append(clothes.lash_material())
    out += clothes.lashes(look, len(materials) - 1)
    materials.append(clothes.garment_material(look))
    out.append(clothes.garment(look, len(materials) - 1))
    if look.glasses:
        materials.append(clothes.glasses_material(look))
        out.append(clothes.glasses(look, len(materials) - 1))
    return out


def _under_hair(fit: Canonical, look: Look) -> np.ndarray:
    """Ambient share (V,) of the body: baked, and less where hair lies on it or hangs just above."""
    share = fit.occlusion.copy()
    if look.hair_style not in ("bald", "shaved"):
        y = fit.points[:, 1]
        near = hair_share(fit.theta, y + 0.006, look.hairline, look.hair_style)
        share *= 1 - 0.55 * near * (y > -0.06) * (fit.s > -1.2)
    return share


def _mouth(model: HeadModel, fit: Canonical) -> Mouth | None:
    """Where light fades inside the mouth; None for a model without an inside."""
    inside = np.isin(model.part, part_ids(model, *INSIDE))
    if not inside.any():
        return None
    depth = np.where(inside, np.clip(1 - (fit.points[:, 2] - 0.045) / 0.060, 0, 1), -1.0)
    corners = np.asarray(model.faces)[np.asarray(model.landmark_triangles)[[_INNER_UPPER, _INNER_LOWER]]]
    weights = np.asarray(model.landmark_barycentric, float)[[_INNER_UPPER, _INNER_LOWER]]
    return Mouth(depth, (corners[0], weights[0]), (corners[1], weights[1]))
