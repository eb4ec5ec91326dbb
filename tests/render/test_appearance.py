"""What a look must show, in numbers: readable teeth, lashes that follow lids, hair that leaves eyes free."""

import dataclasses

import numpy as np
import pytest
import torch

from talkie.heads import ARKIT_NAMES, builtin_head, frontal_camera
from talkie.heads.builtin import surface
from talkie.heads.builtin.assembly import PARTS, neutral_mesh
from talkie.heads.builtin.hair import STYLES, hair, hairline_m
from talkie.heads.builtin.strands import cards
from talkie.render import HeadRenderer, dressed_head, look_from_seed
from talkie.render.costume import Hinged
from talkie.render.dressing import HAIR_VARIANTS
from talkie.render.look import HAIR_STYLES
from talkie.render.paint_chart import texel_chart
from talkie.render.paint_skin import skin_texture

SIZE = 256


def posed(**weights: float) -> np.ndarray:
    """World vertices of the mean head in ARKit weights; a name without Left/Right sets both sides."""
    arkit = torch.zeros(1, len(ARKIT_NAMES))
    for name, value in weights.items():
        for full in [name] if name in ARKIT_NAMES else [f"{name}Left", f"{name}Right"]:
            arkit[0, ARKIT_NAMES.index(full)] = value
    return builtin_head().vertices(expression=arkit)[0].numpy()


@pytest.fixture(scope="module")
def camera() -> tuple[np.ndarray, ...]:
    return tuple(a.numpy() for a in frontal_camera(SIZE, 1.0, 3.4 * SIZE))


def luminance(rgb: np.ndarray) -> np.ndarray:
    """Linear luminance of sRGB bytes (IEC 61966-2-1, ITU-R BT.709)."""
    x = rgb / 255
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("seed", range(4))
def test_an_open_mouth_shows_bright_teeth_and_a_tongue_that_is_no_hole(seed, camera) -> None:  # type: ignore[no-untyped-def]
    """Lip readers tell teeth from gaps by their brightness: in a photograph they are about as bright as pale skin."""
    look = look_from_seed(seed)
    aa = HeadRenderer(builtin_head(), look).frame(posed(jawOpen=0.6, mouthLowerDown=0.15), *camera, size=SIZE)
    light = luminance(aa.rgb)
    teeth = np.isin(aa.part, [PARTS.index("upper_teeth"), PARTS.index("lower_teeth")])
    assert teeth.sum() > 100
    tongue = aa.part == PARTS.index("tongue")
    assert tongue.sum() > 100
    skin = light[aa.part == PARTS.index("skin")].mean()
    assert light[teeth].mean() > 0.95 * skin
    assert light[tongue].mean() > 0.05
    assert light[aa.part == PARTS.index("mouth_bag")].mean() > 0.02


def test_lashes_stay_on_the_lid_and_turn_with_it_through_a_blink() -> None:
    costume = dressed_head(builtin_head(), look_from_seed(0))
    ties = [b for b in costume.bindings if isinstance(b, Hinged)]
    assert len(ties) == 4, "an upper and a lower row for each eye"
    rims = np.concatenate(neutral_mesh().skin.lid_rims)
    rest = [_on_lid(tie, posed()) for tie in ties]
    for share in np.linspace(0, 1, 6):
        vertices = posed(eyeBlink=float(share))
        rim = vertices[rims]
        for tie, (_, lean) in zip(ties, rest, strict=True):
            roots, now = _on_lid(tie, vertices)
            gap = np.linalg.norm(roots[:, None] - rim[None], axis=-1).min(1)
            assert gap.max() < 1.5e-3
            assert np.abs(now - lean).max() < np.radians(8)


def _on_lid(tie: Hinged, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Roots (N, 3) of a row of lashes, and the angles (N,) of its tips against the direction from the eye's middle."""
    places, normals, tangents = (np.zeros((len(tie.anchors), 3)) for _ in range(3))
    tie.place(vertices, places, normals, tangents)
    points = places.reshape(3, -1, 3)
    ball = vertices[tie.ball]
    out = points[0] - (ball.min(0) + ball.max(0)) / 2
    tips = points[2] - points[0]
    cosine = (out * tips).sum(1) / np.linalg.norm(out, axis=1) / np.linalg.norm(tips, axis=1)
    return points[0], np.arccos(np.clip(cosine, -1, 1))


@pytest.mark.parametrize("style", [s for s in HAIR_STYLES if s not in ("bald", "shaved")])
def test_no_strand_hangs_before_the_face(style: str) -> None:
    """Eyes and mouth stay free in every style, so that blinks and visemes are seen from the front."""
    for variant in range(HAIR_VARIANTS):
        strands = hair(style, 0.0, variant)
        assert strands is not None
        x, y, z = strands.points.T
        before = (np.abs(np.degrees(np.arctan2(x, z))) < 42) & (y < 0.075) & (y > -0.09)
        assert not before.any()


def test_gathered_hair_leaves_the_nape_free() -> None:
    strands = hair("bun", 0.0, 0)
    assert strands is not None
    assert strands.points[:, 1].min() > -0.055


@pytest.mark.parametrize("style", ["bob", "long"])
def test_falling_strands_are_not_kinked_where_they_pass_the_ears(style: str) -> None:
    """Below the temples a strand of a dozen points bends gently: 19 of 20 bends are under 45 degrees."""
    form = STYLES[style]
    roots = surface.point(np.linspace(1.0, 2.9, 60), np.linspace(0.3, 0.8, 60))
    path, anchors, layer = cards(form, roots, 0, np.random.default_rng(0))
    assert path.shape == anchors.shape == (60, 12, 3)
    assert layer.shape == (60,)
    along = np.diff(path, axis=1)
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    bend = np.arccos(np.clip((along[:, 1:] * along[:, :-1]).sum(-1), -1, 1))
    assert np.degrees(np.percentile(bend[path[:, 1:-1, 1] < 0.06], 95)) < 45


def test_the_hairline_is_painted_ragged_and_full() -> None:
    """1.5 cm above the line the scalp has the hair's darkness, 1.5 cm below it is skin, and on it roots alternate."""
    look = dataclasses.replace(look_from_seed(2), hair=(0.02, 0.012, 0.01), hair_style="short", hairline=0.0)
    c = texel_chart()
    texture = skin_texture(look)[..., :3].mean(-1)
    above = c.y - hairline_m(c.theta, 0.0, "short")
    forehead = np.abs(np.degrees(c.theta)) < 25
    skin = np.mean(look.skin)
    assert texture[forehead & (np.abs(above - 0.015) < 0.001)].mean() < 0.35 * skin
    assert texture[forehead & (np.abs(above + 0.015) < 0.001)].mean() > 0.85 * skin
    assert texture[forehead & (np.abs(above) < 0.001)].std() > 0.08 * skin


def test_24_looks_differ_as_people_do() -> None:
    """Of 24 seeds: most hair styles, pale and deep skin, young and old, beards, glasses and every neckline."""
    looks = [look_from_seed(k) for k in range(24)]
    assert len({look.hair_style for look in looks}) >= 6
    assert len({look.neckline for look in looks}) == 4
    tone = [np.mean(look.skin) for look in looks]
    assert max(tone) > 2.5 * min(tone)
    assert max(look.age for look in looks) - min(look.age for look in looks) > 0.5
    assert 3 <= sum(look.beard != "none" for look in looks) <= 16
    assert 1 <= sum(look.glasses for look in looks) <= 8
    # Blond and red hair only over pale skin, grey at any tone.
    for look in looks:
        coloured = max(look.hair) > 0.12 and look.hair[0] > 1.3 * look.hair[2]
        assert not coloured or np.mean(look.skin) > 0.2
