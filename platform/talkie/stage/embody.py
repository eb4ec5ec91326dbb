"""Gives a take its body: motion, mesh, the head joined to it and the hand on its face. Dress is in `wardrobe`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from talkie.clip import FPS
from talkie.heads.body import builtin_body
from talkie.stage.bodies import check_joins, embodied, joined, shape_of, stand, tracked
from talkie.stage.pressing import pressed
from talkie.stage.shoot import Shoot
from talkie.stage.take import Take
from talkie.stage.touching import lay_out, plan_touch


def embody(take: Take, shoot: Shoot) -> Take:
    """The take with a body under its head, which moves as it did. Raises BadInput for a head that no body fits."""
    assert shoot.body is not None
    check_joins(take.model)
    rng = np.random.default_rng((shoot.seed, take.number, 0xB0D1))
    shape = shape_of(take.person, builtin_body(), shoot.seed)
    translation = np.asarray(take.track.translation, float)
    moves, touches = rng.spawn(2)
    pose, root = stand(embodied(take.person, take.performance, moves, shoot.body.gestures), shape, translation)
    body = tracked(pose, shape, root)
    vertices = joined(take.model, take.vertices, translation, body)
    if shoot.hands is None:
        return replace(take, body=body, vertices=vertices)
    name = shoot.hands.touches[take.number % len(shoot.hands.touches)]
    touch = plan_touch(name, shoot.hands.press_mm, len(take) / FPS, touches)
    path = lay_out(touch, take.model, vertices, pose, shape, root, touches)
    body, vertices, found = pressed(path, take.model, take.person.identity, vertices)
    return replace(take, body=body, vertices=vertices, touch=found)
