"""A task's answer as pictures for people who compare: frames as they are, a motion on the built-in head, labels under
the frames that they were given, what is left of a stabilised head's motion. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from talkie.clip import Clip
from talkie.systems.tasks.checks import clip_pictures

if TYPE_CHECKING:
    from talkie.render import HeadRenderer

HEAD_PX, DISTANCE_M, FOCAL_SHARE = 192, 0.7, 2.0
"""Side of a rendered head's picture; how far the camera stands; its focal length over the side."""
FULL_MM = 3.0
"""Motion of a vertex that a stability picture shows in its warmest colour."""
_CAPTION_PX, _INK, _PAPER = 44, (235, 235, 235), (24, 24, 24)
_LINES, _LETTERS = 3, 34


def film_videos(clip: Clip, answers: Sequence[Any]) -> list[np.ndarray]:
    """(T, H, W, 3) uint8 of each: its frames."""
    return [np.asarray(answer.frames) for answer in answers]


def film_motions(clip: Clip, answers: Sequence[Any]) -> list[np.ndarray]:
    """(T, S, S, 3) uint8 of each: its expression and jaw on the clip's own person, from the front."""
    return [_moving(clip, answer) for answer in answers]


def film_labels(clip: Clip, answers: Sequence[Any]) -> list[np.ndarray]:
    """(T, S, S, 3) uint8 of each: the clip's frames, and below them the likeliest label, with its score, of each
    attribute that all of them speak of: the truth knows more than was asked."""
    frames, common = clip_pictures(clip), set.intersection(*(set(answer.scores) for answer in answers))
    return [_labelled(frames, answer, sorted(common or answer.scores)) for answer in answers]


def film_stabilities(clip: Clip, answers: Sequence[Any]) -> list[np.ndarray]:
    """(T, S, S, 3) uint8 of each: the clip's tracked mesh, every frame laid onto the first by the answer's rigid
    motion, its vertices coloured by how far they then are from where they were in the first: from blue to red at
    FULL_MM. A skull that is held still stays blue, whatever the face does."""
    from talkie.heads import builtin_head, pose_vertices

    meshes = pose_vertices(builtin_head(), clip.fields["head.npz"])
    return [_stabilised(clip, meshes, answer) for answer in answers]


@torch.no_grad()
def _moving(clip: Clip, result: Any) -> np.ndarray:
    from talkie.heads import builtin_head, frontal_camera

    head, model = clip.fields["head.npz"], builtin_head()
    identity = torch.as_tensor(head.identity)[None].expand(len(result.expression), -1)
    pose = {name: torch.as_tensor(getattr(result, name), dtype=torch.float32) for name in ("expression", "jaw")}
    K, R, t = (a.numpy() for a in frontal_camera(HEAD_PX, DISTANCE_M, FOCAL_SHARE * HEAD_PX))
    renderer = _renderer()
    vertices = (model.vertices(identity=i[None], expression=e[None], jaw=j[None])[0].numpy()
                for i, e, j in zip(identity, pose["expression"], pose["jaw"], strict=True))  # fmt: skip
    return np.stack([renderer.render(v, K, R, t, HEAD_PX, supersample=2) for v in vertices])


def _labelled(frames: np.ndarray, result: Any, attributes: Sequence[str]) -> np.ndarray:
    lines = [f"{name}: {result.best(name)} {result.scores[name][result.best(name)]:.2f}"
             for name in attributes[:_LINES]] or [result.text]  # fmt: skip
    strip = Image.new("RGB", (HEAD_PX, _CAPTION_PX), _PAPER)
    pen, font = ImageDraw.Draw(strip), ImageFont.load_default(12)
    pen.multiline_text((6, 2), "\n".join(line[:_LETTERS] for line in lines), _INK, font, spacing=1)
    side = HEAD_PX - _CAPTION_PX
    sheet = np.full((len(frames), HEAD_PX, HEAD_PX, 3), _PAPER, np.uint8)
    left = (HEAD_PX - side) // 2
    for shown, frame in zip(sheet, frames, strict=True):
        shown[:side, left : left + side] = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)
        shown[side:] = np.asarray(strip)
    return sheet


def _stabilised(clip: Clip, meshes: np.ndarray, result: Any) -> np.ndarray:
    from talkie.heads import axis_angle_to_matrix, builtin_head, frontal_camera, project
    from talkie.render import rasterise_mesh

    turns = axis_angle_to_matrix(torch.as_tensor(result.rotation, dtype=torch.float64)).numpy()
    laid = np.einsum("tij,tnj->tni", turns, meshes) + np.asarray(result.translation)[:, None]
    way = np.linalg.norm(laid - laid[0], axis=2) * 1000 / FULL_MM
    # The first frame's skull looks into the camera.
    facing = axis_angle_to_matrix(torch.as_tensor(clip.fields["head.npz"].rotation[0], dtype=torch.float64)).numpy()
    seen = (laid - laid[0].mean(0)) @ facing
    K, R, t = (a.double() for a in frontal_camera(HEAD_PX, DISTANCE_M, FOCAL_SHARE * HEAD_PX))
    faces, frames = np.asarray(builtin_head().faces), []
    for vertices, warm in zip(seen, way, strict=True):
        points = torch.as_tensor(vertices)
        depth = (points @ R.T + t)[:, 2:]
        triangle, weights, _ = rasterise_mesh(torch.cat([project(points, K, R, t), depth], 1).numpy(), faces, HEAD_PX)
        warmth = (weights * warm[faces[triangle]]).sum(-1).clip(0, 1)
        colour = cv2.applyColorMap((255 * warmth).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
        corners = vertices[faces[triangle]]
        normal = np.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
        light = 0.35 + 0.65 * np.abs(normal[..., 2]) / np.maximum(1e-12, np.linalg.norm(normal, axis=-1))
        frames.append(np.where((triangle >= 0)[..., None], colour * light[..., None], 255).astype(np.uint8))
    return np.stack(frames)


@lru_cache(maxsize=1)
def _renderer() -> HeadRenderer:
    from talkie.heads import builtin_head
    from talkie.render import HeadRenderer, look_from_seed

    return HeadRenderer(builtin_head(), look_from_seed(0))
