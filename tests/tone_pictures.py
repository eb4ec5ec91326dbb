"""Tone clips with their pictures: the same heads, drawn. For tests of learning and measuring what is seen."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from talkie.clip import Clip, Crop
from talkie.heads import builtin_head, frontal_camera
from talkie.media import encode_mp4
from talkie.render import HeadRenderer, look_from_seed
from talkie.stage.sensors.regions import classes_of


def filmed(clip: Clip, size: int = 128, look: int = 0) -> Clip:
    """The clip with an `mp4` of its own head from the front, its `mask.mp4`, and in `head.npz` the camera."""
    model, head = builtin_head(), clip.fields["head.npz"]
    K, R, t = (a.numpy() for a in frontal_camera(size, 0.7, 2.0 * size))
    with torch.no_grad():
        vertices = model.vertices(
            identity=torch.as_tensor(head.identity)[None].expand(len(head), -1),
            expression=torch.as_tensor(head.expression),
            jaw=torch.as_tensor(head.jaw),
        ).numpy()
    renderer = HeadRenderer(model, look_from_seed(look))
    frames = [renderer.frame(v, K, R, t, size, supersample=1) for v in vertices]
    classes = classes_of(renderer.scene, model)[0]
    mask = np.stack([np.where(frame.actor == 0, classes[frame.triangle], 0) for frame in frames]).astype(np.uint8)
    seen = dataclasses.replace(head, K=np.tile(K.astype(np.float32), (len(head), 1, 1)), R=R, t=t)
    crop = Crop(size=size, boxes=[(0.0, 0.0, float(size))] * len(head))
    record = clip.record.model_copy(update={"crop": crop})
    return Clip(record, {**clip.fields, "head.npz": seen, "mp4": encode_mp4([f.rgb for f in frames]), "mask.mp4": mask})
