"""Frames as the published networks take them: Inception, I3D, face networks. Running a network is `onnx_file`'s
business, crops of faces the caller's.

Frames are (T, H, W, 3) uint8 RGB; all functions raise BadInput for others.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from talkie.errors import BadInput

Clips = Literal["stylegan_v", "latentsync"]
INCEPTION_SIDE, I3D_SIDE, CROP_SIDE = 299, 224, 224
LEAST_FRAMES = 10
"""Frames under which I3D's strides leave nothing."""
LATENTSYNC_FRAMES = slice(20, 36)
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def for_inception(frames: np.ndarray) -> np.ndarray:
    """(T, 3, 299, 299) float32 in [-1, 1]: bilinear without antialiasing, as in pytorch-fid, which puts whole frames of
    any shape in a square."""
    return 2 * _resized(_checked(frames), (INCEPTION_SIDE, INCEPTION_SIDE)) - 1


def for_i3d(frames: np.ndarray, variant: Clips = "stylegan_v") -> np.ndarray:
    """(1, 3, T, 224, 224) float32 of one clip.

    stylegan_v (and common_metrics): the short side brought to 224, the middle cut out, values in [-1, 1], at least ten
    frames. latentsync: face crops brought to 224 x 224, frames 20 to 35, values in [0, 1]. Figures of the two do not
    compare: name the variant in the protocol. Raises BadInput for too few frames."""
    clip = _checked(frames)
    if variant == "latentsync":
        if len(clip) < LATENTSYNC_FRAMES.stop:
            raise BadInput(f"{len(clip)} frames, 36 are needed", where="frames", cure="use longer clips")
        pixels = _resized(clip[LATENTSYNC_FRAMES], (I3D_SIDE, I3D_SIDE))
        return pixels.transpose(1, 0, 2, 3)[None]
    if len(clip) < LEAST_FRAMES:
        raise BadInput(f"{len(clip)} frames, {LEAST_FRAMES} are needed", where="frames", cure="use longer clips")
    height, width = clip.shape[1:3]
    scale = I3D_SIDE / min(height, width)
    size = (I3D_SIDE, -(-width * I3D_SIDE // height)) if height < width else (int(np.ceil(height * scale)), I3D_SIDE)
    pixels = _resized(clip, size)
    top, left = (size[0] - I3D_SIDE) // 2, (size[1] - I3D_SIDE) // 2
    cut = pixels[:, :, top : top + I3D_SIDE, left : left + I3D_SIDE]
    return (2 * cut - 1).transpose(1, 0, 2, 3)[None]


def for_resnet3d(frames: np.ndarray) -> np.ndarray:
    """(1, 3, 16, 112, 112) float32 of the first 16 frames, ImageNet's mean and deviation. Raises BadInput for fewer."""
    clip = _checked(frames)
    if len(clip) < 16:
        raise BadInput(f"{len(clip)} frames, 16 are needed", where="frames", cure="use longer clips")
    return imagenet(_resized(clip[:16], (112, 112))).transpose(1, 0, 2, 3)[None]


def for_crop_network(frames: np.ndarray, side: int = CROP_SIDE, normalise: bool = True) -> np.ndarray:
    """(T, 3, side, side) float32 for networks of face crops: in [0, 1] (OpenFace, FAN, Deep3DFaceRecon), or with
    ImageNet's mean and deviation (pose and emotion networks)."""
    pixels = _resized(_checked(frames), (side, side))
    return imagenet(pixels) if normalise else pixels


def imagenet(pixels: np.ndarray) -> np.ndarray:
    """(T, 3, H, W) in [0, 1] with ImageNet's mean taken away, over its deviation."""
    mean, deviation = (np.array(v, np.float32)[:, None, None] for v in (_IMAGENET_MEAN, _IMAGENET_STD))
    return np.asarray((pixels - mean) / deviation)


def heatmap_points(maps: np.ndarray, side: float) -> np.ndarray:
    """(T, K, 2) px in a picture of `side` px of heat maps (T, K, M, M): the highest place, moved a quarter towards its
    higher neighbour on either axis (Newell et al. 2016, as FAN's code does)."""
    frames, points, size = maps.shape[:3]
    flat = maps.reshape(frames, points, -1).argmax(2)
    y, x = flat // size, flat % size
    rows, columns = np.indices((frames, points))
    inside = (x > 0) & (x < size - 1) & (y > 0) & (y < size - 1)
    xi, yi = np.clip(x, 1, size - 2), np.clip(y, 1, size - 2)
    dx = np.sign(maps[rows, columns, yi, xi + 1] - maps[rows, columns, yi, xi - 1])
    dy = np.sign(maps[rows, columns, yi + 1, xi] - maps[rows, columns, yi - 1, xi])
    shift = 0.25 * np.stack([dx, dy], 2) * inside[..., None]
    return (np.stack([x, y], 2) + 0.5 + shift) * (side / size)


def _checked(frames: np.ndarray) -> np.ndarray:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or frames.size == 0:
        raise BadInput(f"{frames.dtype} {frames.shape}", where="frames", cure="give (T, H, W, 3) uint8 RGB")
    return frames


def _resized(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(T, 3, H, W) float32 in [0, 1], bilinear."""
    out = np.empty((len(frames), 3, *size), np.float32)
    for t, frame in enumerate(frames):
        pixels = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1)))[None].float() / 255
        if tuple(pixels.shape[2:]) != size:
            pixels = torch.nn.functional.interpolate(pixels, size, mode="bilinear", align_corners=False)
        out[t] = pixels[0].numpy()
    return out
