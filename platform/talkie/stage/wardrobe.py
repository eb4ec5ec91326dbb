"""What the body wears and how its hands look, in the colours of a person's look; the head's own dress is render's."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from talkie.heads.body import builtin_body
from talkie.heads.body.garments import FINGER_RADII
from talkie.heads.body.skeleton import FINGERS, INDEX, KNUCKLES, rest_joints
from talkie.render import Costume, Look
from talkie.render.costume import CLOTH, PLAIN, SKIN, Material, texels
from talkie.render.paint_parts import cloth_texture
from talkie.render.paint_tools import noise_layer

_TEXELS = 256
"""Of one side of a hand, along each axis: 0.6 to 1 mm of skin each."""


def dressed_body(look: Look) -> Costume:
    """The costume of the body: a shirt in the look's cloth, trousers and shoes that go with it, hands of its skin.
    Part names are the body's."""
    body = builtin_body()
    faces = body.faces.numpy()
    part = body.part[faces[:, 0]].astype(np.int16)
    uv = np.asarray(body.uv, np.float32)
    paint, material = np.zeros_like(uv), np.zeros(len(faces), np.int16)
    tile = (uv * 4) % 1
    names = body.part_names
    for number, (name, scale) in enumerate((("shirt", (3.0, 1.0)), ("trousers", (2.0, 1.0)))):
        rows = part == names.index(name)
        paint[rows], material[rows] = tile[rows] * scale, number
    shoes = np.isin(part, [names.index(n) for n in ("left_shoe", "right_shoe")])
    material[shoes] = 2
    hands = np.isin(part, [names.index(n) for n in ("left_hand", "right_hand")])
    paint[hands], material[hands] = _hand_paint()[hands], 3
    materials = (
        Material(CLOTH, _cloth(look), bump=0.4),
        Material(CLOTH, _trousers(look), bump=0.3),
        Material(PLAIN, texels(_leather(look).reshape(1, 1, 3)), 0.10, 25.0),
        Material(SKIN, _hand_texture(look), 0.14, 18.0, bump=0.25),
    )
    return Costume(
        name=body.name,
        vertex_count=body.vertex_count,
        faces=faces,
        part=part,
        part_names=names,
        uv=uv,
        paint=paint,
        material=material,
        materials=materials,
        occlusion=_occlusion().copy(),
        body_faces=len(faces),
    )


def without_garment(head: Costume) -> Costume:
    """A head's costume without the cloth over its shoulders: on a body it wears the body's shirt."""
    if "cloth" not in head.part_names:
        return head
    kept = head.part != head.part_names.index("cloth")
    rows = {name: getattr(head, name)[kept] for name in ("faces", "part", "uv", "paint", "material")}
    return replace(head, **rows)


def _leather(look: Look) -> np.ndarray:
    rng = np.random.default_rng((look.seed, 0x5803))
    return np.array([[0.012, 0.012, 0.013], [0.06, 0.028, 0.012], [0.15, 0.15, 0.16]])[rng.integers(3)]


def _trousers(look: Look) -> np.ndarray:
    """Darker than most shirts: denim, black, grey or sand."""
    rng = np.random.default_rng((look.seed, 0x7105))
    tones = np.array([[0.020, 0.035, 0.085], [0.014, 0.014, 0.017], [0.075, 0.078, 0.085], [0.20, 0.15, 0.095]])
    r, g, b = tones[rng.integers(len(tones))] * rng.uniform(0.8, 1.25)
    # The seed of the shirt's stripes must not stripe the trousers.
    return _cloth(replace(look, seed=3, cloth=(float(r), float(g), float(b))))


def _cloth(look: Look) -> np.ndarray:
    """The cloth of the look's own garment, three times as long: every second piece mirrored, so that no seam shows."""
    piece = cloth_texture(look)
    mirrored = piece[::-1].copy()
    mirrored[..., 6] *= -1
    return np.concatenate([piece, mirrored, piece])


@lru_cache(maxsize=1)
def _occlusion() -> np.ndarray:
    """(V,) share of the surroundings' light: less in the armpits, between the legs and inside cuffs and collar."""
    points = builtin_body().template.numpy()
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    pit = np.exp(-(((x - 0.15) / 0.05) ** 2) - ((y + 0.27) / 0.05) ** 2)
    crotch = np.exp(-((x / 0.03) ** 2) - ((y + 0.78) / 0.09) ** 2)
    neck = np.exp(-((np.hypot(x, z + 0.005) / 0.052) ** 6)) * (np.abs(y + 0.13) < 0.06)
    cuff = np.where(builtin_body().part >= 4, np.clip((x - 0.660) / 0.03, 0.25, 1), 1.0)
    return ((1 - 0.5 * pit) * (1 - 0.5 * crotch) * (1 - 0.6 * neck) * cuff).astype(np.float32)


def _hand_frame() -> tuple[np.ndarray, np.ndarray]:
    """Corner and size (2,) in metres, along x and z of the left hand at rest, of what the hand's texture covers."""
    hand = builtin_body().template.numpy()[builtin_body().regions["left_hand"]][:, [0, 2]]
    low = hand.min(0) - 0.004
    return low, hand.max(0) + 0.004 - low


@lru_cache(maxsize=1)
def _hand_paint() -> np.ndarray:
    """(F, 3, 2): place of every corner in the hand's texture, back of the hand left, palm right; zeros elsewhere."""
    body = builtin_body()
    points = body.template.numpy()[body.faces.numpy()]
    low, size = _hand_frame()
    flat = np.stack([np.abs(points[..., 0]), points[..., 2]], -1)
    local = (flat - low) / size
    normal = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    palm = (normal[:, 1] < 0).astype(float)
    out = np.empty((len(points), 3, 2), np.float32)
    out[..., 0] = (local[..., 0] + palm[:, None]) / 2
    out[..., 1] = local[..., 1]
    return out


def _hand_texture(look: Look) -> np.ndarray:
    """(256, 512, 7) texels: skin with creases over the joints and nails on its back, lighter and redder in the palm."""
    rng = np.random.default_rng((look.seed, 0x4A9D))
    low, size = _hand_frame()
    x = low[0] + (np.arange(_TEXELS) + 0.5) / _TEXELS * size[0]
    z = low[1] + (np.arange(_TEXELS) + 0.5) / _TEXELS * size[1]
    plane = np.stack(np.meshgrid(x, z), -1)
    mottle = noise_layer(6.0, rng)[:_TEXELS, : 2 * _TEXELS].astype(float)
    skin = np.array(look.skin)
    nail, crease, joint, tip = _hand_marks()
    back = skin * [0.97, 0.90, 0.88] * (1 - 0.30 * crease[..., None])
    back = back * (1 + joint[..., None] * np.array([0.02, -0.14, -0.12]))
    palm = np.sqrt(skin) * np.array([0.62, 0.40, 0.34]) + 0.30 * skin
    palm = palm * (1 + tip[..., None] * np.array([0.06, -0.12, -0.10])) * (1 - 0.22 * _palm_lines(plane)[..., None])
    # Fingers are thin and round: at their outline, seen from above, back and palm meet in one tone.
    colour = np.concatenate([back, palm], 1) * (1 + 0.045 * mottle[..., None])
    shown = np.concatenate([nail, np.zeros_like(nail)], 1)[..., None]
    varnish = np.array(look.lips) if look.makeup > 0.5 else 0.55 * skin + np.array([0.30, 0.20, 0.19])
    colour = colour * (1 - shown) + np.clip(varnish, 0, 0.9) * shown
    gloss = 0.55 + 1.6 * shown[..., 0]
    relief = -1.2 * np.concatenate([crease, _palm_lines(plane)], 1) + 1.5 * shown[..., 0]
    return texels(np.clip(colour, 0.002, 1).astype(np.float32), 1.0, gloss, relief)


@lru_cache(maxsize=1)
def _hand_marks() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Shares (256, 256) over the hand seen from above: nails, creases, redness over joints, fingertips."""
    low, size = _hand_frame()
    x = low[0] + (np.arange(_TEXELS) + 0.5) / _TEXELS * size[0]
    z = low[1] + (np.arange(_TEXELS) + 0.5) / _TEXELS * size[1]
    plane = np.stack(np.meshgrid(x, z), -1)
    nail, crease, joint, tip = (np.zeros((_TEXELS, _TEXELS)) for _ in range(4))
    wrist = rest_joints()[INDEX["left_wrist"]]
    for finger in FINGERS:
        knots = np.array(KNUCKLES[finger])[:, [0, 2]] + wrist[[0, 2]]
        radius = FINGER_RADII[finger][3]
        ahead = (knots[3] - knots[2]) / np.linalg.norm(knots[3] - knots[2])
        along, across = _local(plane, knots[3], ahead)
        length, half = 1.25 * radius, 0.72 * radius
        shape = np.maximum(np.abs((along + 0.95 * radius) / length) ** 3 + np.abs(across / half) ** 3, 1e-9)
        nail = np.maximum(nail, np.clip((1.15 - shape) / 0.3, 0, 1))
        tip = np.maximum(tip, np.exp(-((along / 0.012) ** 2) - (across / 0.009) ** 2))
        for k in (1, 2):
            along, across = _local(plane, knots[k], ahead)
            near = np.exp(-((across / FINGER_RADII[finger][k]) ** 4))
            folds = sum(np.exp(-(((along - s) / 0.0007) ** 2)) for s in (-0.0025, 0.0, 0.0025))
            crease = np.maximum(crease, 0.8 * near * folds)
            joint = np.maximum(joint, near * np.exp(-((along / 0.006) ** 2)))
        along, across = _local(plane, knots[0], ahead)
        joint = np.maximum(joint, 0.8 * np.exp(-((along / 0.010) ** 2) - (across / 0.009) ** 2))
    return nail, crease * (1 - nail), joint, tip


def _local(plane: np.ndarray, at: np.ndarray, ahead: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    away = plane - at
    return away @ ahead, away @ np.array([-ahead[1], ahead[0]])


def _palm_lines(plane: np.ndarray) -> np.ndarray:
    """Share (256, 256) of the three great creases of a palm: the line of life, of the head and of the heart."""
    wrist = rest_joints()[INDEX["left_wrist"]][[0, 2]]
    curves = (
        ((0.020, 0.004), (0.045, 0.004), (0.065, 0.014), (0.072, 0.030)),
        ((0.072, 0.030), (0.062, 0.006), (0.052, -0.018), (0.046, -0.036)),
        ((0.068, -0.046), (0.070, -0.026), (0.076, -0.006), (0.088, 0.010)),
    )
    out = np.zeros(plane.shape[:2])
    s = np.linspace(0, 1, 60)[:, None]
    for curve in curves:
        a, b, c, d = (np.array(p) + wrist for p in curve)
        points = (1 - s) ** 3 * a + 3 * s * (1 - s) ** 2 * b + 3 * s**2 * (1 - s) * c + s**3 * d
        for point in points:
            out = np.maximum(out, np.exp(-(((plane - point) / 0.0011) ** 2).sum(-1)))
    return out
